/** Server-sent events of a fetched response, which EventSource cannot read: it sends no POST. */

/** The events {id, name, data} of a body, as an array for each piece that arrives. Lines may end in CRLF, LF or CR. */
export async function* serverSentEvents(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let afterReturn = false; // a piece that ended in CR: an LF at the start of the next one belongs to it
  let id = "";
  let name = "";
  let data = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      let text = decoder.decode(value, { stream: true });
      if (!text) continue;
      if (afterReturn && text.startsWith("\n")) text = text.slice(1);
      afterReturn = text.endsWith("\r");
      const lines = (rest + text).split(/\r\n|\r|\n/);
      rest = lines.pop();
      const events = [];
      for (const line of lines) {
        const [, field, content] = /^([^:]*):? ?(.*)$/.exec(line);
        if (field === "id") id = content;
        if (field === "event") name = content;
        if (field === "data") data.push(content);
        if (line !== "") continue;
        if (data.length) events.push({ id, name: name || "message", data: data.join("\n") });
        [name, data] = ["", []];
      }
      if (events.length) yield events;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
