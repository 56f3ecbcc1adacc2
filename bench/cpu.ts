/** The kernel's clock ticks a second, as `/proc` counts them on every Linux. */
const TICKS = 100;

/** CPU time that a process has used so far, in seconds; `NaN` where there is no `/proc`. */
export async function cpuSeconds(pid: number | "self"): Promise<number> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    // The program's name, in parentheses, may hold spaces: from after it, user and system time.
    const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / TICKS;
  } catch {
    return NaN;
  }
}
