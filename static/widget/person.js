/** Handing a conversation to the team: a form in the place of the conversation. */

import { Problem, call } from "./api.js";
import { button, element } from "./dom.js";
import { text } from "./strings.js";

/** The form. conversationId: what is handed over; close(sent): called when the visitor is done with it. */
export function personForm(conversationId, close) {
  const contact = element("input", { type: "text", dir: "auto", autocomplete: "email", maxlength: "200" });
  const message = element("textarea", { rows: "5", dir: "auto", maxlength: "4000" });
  const labelled = (key, field) => element("label", element("span", text(key)), field);
  const alert = element("div", { role: "alert" });
  const send = element("button.primary", text("send"));
  const form = element("form.person", { "aria-labelledby": "person-title" },
    element("h3.question", { id: "person-title" }, text("person")),
    element("p", text("personDetail")),
    labelled("contact", contact),
    labelled("message", message),
    alert,
    element("div.row", send, button("quiet", () => close(false), text("cancel"))),
  );
  let sending = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    alert.replaceChildren();
    const body = { contact: contact.value.trim(), message: message.value.trim() };
    try {
      await call(`conversations/${conversationId}/escalation`, { method: "POST", body });
      close(true);
    } catch (error) {
      const words = error instanceof Problem ? error.detail : text("failedDetail");
      alert.replaceChildren(element("p.problem", words));
    }
    sending = false;
  });
  return form;
}
