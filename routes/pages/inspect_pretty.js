const TOKENS = /"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]/g;

/**
 * JSON over several lines, in the very words of the text: a parser would round long numbers, and
 * keep one of two members of the same name. What is no JSON stays as it is.
 */
export function pretty(text) {
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0;
  let before = "";
  let result = "";
  for (const [token] of text.matchAll(TOKENS)) {
    const opened = before === "{" || before === "[";
    if (token === "}" || token === "]") {
      depth--;
      if (!opened) result += line(depth);
    } else if (opened || before === ",") {
      result += line(depth);
    }
    result += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth++;
    before = token;
  }
  return result;
}

function line(depth) {
  return `\n${"  ".repeat(depth)}`;
}
