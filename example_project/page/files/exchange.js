// Requests and answers as text.

/** Return the command line that repeats a call. */
export function curl({ method, path, body }, token) {
  const words = ["curl -i"];
  if (method !== "GET") {
    words.push(`-X ${method}`);
  }
  if (token) {
    words.push(`-H 'Authorization: Bearer ${token}'`);
  }
  if (body) {
    words.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(body)}'`);
  }
  return [...words, location.origin + path].join(" \\\n  ");
}

/** Return the parameters of a Bearer challenge: RFC 6750 section 3. */
export function parameters(header) {
  const pairs = (header ?? "").matchAll(/(\w+)="([^"]*)"/g);
  return Object.fromEntries(Array.from(pairs, ([, name, text]) => [name, text]));
}

/** Return JSON with line breaks, anything else as it is. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
