// The server: asked with the header that no other site can send; refusals become errors with the server's sentence.

const HEADERS = { "X-Shutterprint": "1" };
const TRIES = 6;

export class Refused extends Error {
  constructor(status, text) { super(text); this.status = status; }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

export async function ask(path, options = {}) {
  for (let tried = 1; ; tried += 1) {
    let answer;
    try {
      answer = await fetch(path, { ...options, headers: { ...HEADERS, ...options.headers }, cache: "no-store" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Refused(0, "The server does not answer. Is it still running?");
    }
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const wait = Number(answer.headers.get("Retry-After"));
    if (wait && wait <= 30 && tried < TRIES) { await pause(wait); continue; }
    throw await refusal(answer.status, () => answer.json());
  }
}

async function refusal(status, read) {
  let text = `The server answered ${status}.`;
  try {
    const { detail } = await read();
    if (typeof detail === "string") text = detail;
  } catch { /* no JSON: the status has to do */ }
  if (status === 401) window.dispatchEvent(new Event("signed-out"));
  return new Refused(status, text);
}

// XMLHttpRequest, since fetch does not tell how much was sent.
function sent(file, told, signal) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/examinations?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("X-Shutterprint", "1");
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => event.lengthComputable && told(event.loaded / event.total));
    request.addEventListener("load", () => done(request));
    request.addEventListener("error", () => failed(new Refused(0, "The server does not answer. Is it still running?")));
    request.addEventListener("abort", () => failed(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

export async function upload(file, told, signal) {
  for (;;) {
    const request = await sent(file, told, signal);
    if (request.status === 202) return JSON.parse(request.responseText);
    const wait = Number(request.getResponseHeader("Retry-After"));
    if (!wait || wait > 120) throw await refusal(request.status, () => JSON.parse(request.responseText));
    told(null);
    await pause(wait);
    if (signal.aborted) throw new DOMException("stopped", "AbortError");
  }
}

export const at = (...parts) => parts.map(encodeURIComponent).join("/");
export const query = (values) => {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== null && value !== undefined && value !== "") given.set(name, value);
  const text = given.toString();
  return text ? `?${text}` : "";
};
