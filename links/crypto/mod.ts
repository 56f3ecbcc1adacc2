/** The functions of `@std/crypto` that Tallyroom uses, over the runtime's own. */
export { timingSafeEqual } from "./timing_safe_equal.ts";
