"use strict";
// One record on the page: its response token by token, and its texts beside it.
globalThis.nlft = globalThis.nlft || {};

nlft.responses = (() => {
  const { SALIENT, CLUSTER } = nlft.formulas;
  const { element } = nlft;
  const classNames = ["plain", "cluster", "salient"];

  /** Weights that are shaded fully. */
  const fullLikelihood = 3;
  const fullUnlikelihood = 2;

  /** What training does to token `i`: reinforce, suppress or nothing, and how strongly, from 0 to 1. */
  function effect(outcome, i) {
    if (!outcome || !outcome.classes || outcome.refusal) return { action: "nothing", strength: 0 };
    const unlikelihood = outcome.raw.unlikelihood[i];
    const likelihood = outcome.raw.likelihood[i];
    if (unlikelihood > 0) return { action: "suppress", strength: Math.min(1, unlikelihood / fullUnlikelihood) };
    if (likelihood > 0) return { action: "reinforce", strength: Math.min(1, likelihood / fullLikelihood) };
    return { action: "nothing", strength: 0 };
  }

  /** Characters that command the display, or that nobody would see; joiners are how some scripts are written. */
  const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

  function visible(text) {
    return text.toWellFormed().replace(hidden, (character) => {
      const code = character.codePointAt(0);
      return code < 0x20 ? String.fromCodePoint(0x2400 + code) : `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
    });
  }

  /** The text as nodes: line feeds and tabs are shown and obeyed. */
  function nodes(text) {
    const made = [];
    for (const part of visible(text).split(/([\n\t])/)) {
      if (part === "\n" || part === "\t") {
        made.push(element("span", { class: "sign", "aria-hidden": "true" }, part === "\n" ? "⏎" : "⇥"), part);
      } else if (part !== "") made.push(part);
    }
    return made;
  }

  /** The text that token `i` shows, also where it is only a part of it. */
  function tokenText(record, i) {
    if (!record.texts) return String(record.tokens[i]);
    let first = i;
    while (first > 0 && record.texts[first] === 0) first--;
    const text = record.texts[first];
    return Array.isArray(text) ? text[0] : text;
  }

  /** The bytes of a token that is no text by itself; null of the others. */
  function tokenBytes(record, i) {
    if (!record.texts) return null;
    let first = i;
    while (first > 0 && record.texts[first] === 0) first--;
    const text = record.texts[first];
    return Array.isArray(text) ? text[1 + i - first] : null;
  }

  /** The response’s element, with an element for each token. */
  function response(record) {
    const tokens = [];
    const holder = element("div", {
      class: "response", role: "listbox", "aria-orientation": "horizontal",
      "aria-label": `Response of ${record.id}, ${record.count ?? 0} tokens`, dir: "auto",
    });
    if (!record.tokens) {
      holder.removeAttribute("role");
      holder.append(...nodes(record.output ?? ""));
      return { holder, tokens };
    }
    holder.classList.toggle("numbers", !record.texts);
    const token = (i, ...content) => {
      const made = element("span", {
        class: "token", role: "option", tabindex: i === 0 ? 0 : -1, "data-token": i, "aria-selected": "false",
      }, ...content);
      tokens.push(made);
      return made;
    };
    for (let i = 0; i < record.count; i++) {
      const text = record.texts ? record.texts[i] : `${record.tokens[i]}`;
      if (Array.isArray(text) && text.length > 2) {
        // Tokens that are a character only together: one text, and a field of its own for each.
        const count = text.length - 1;
        const group = element("span", { class: "joined" }, element("span", { class: "glyphs", "aria-hidden": "true" }, visible(text[0])));
        for (let k = 0; k < count; k++) {
          const part = token(i + k);
          part.style.insetInlineStart = `${(100 * k) / count}%`;
          part.style.inlineSize = `${100 / count}%`;
          part.classList.add("part");
          part.setAttribute("aria-label", `part ${k + 1} of ${text[0]}`);
          group.append(part);
        }
        holder.append(group);
        i += count - 1;
      } else {
        const made = token(i, ...nodes(Array.isArray(text) ? text[0] : text === "" ? "␣̸" : text));
        if (record.special.has(i)) made.classList.add("special");
        holder.append(made);
      }
    }
    return { holder, tokens };
  }

  /** Shades the tokens of a response. */
  function shade(tokens, outcome) {
    for (let i = 0; i < tokens.length; i++) {
      const { action, strength } = effect(outcome, i);
      const name = outcome && outcome.classes && !outcome.refusal ? classNames[outcome.classes[i]] : "plain";
      const token = tokens[i];
      const look = `${action} ${name}`;
      if (token.dataset.look !== look) token.dataset.look = look;
      const shown = strength.toFixed(2);
      if (token.style.getPropertyValue("--strength") !== shown) token.style.setProperty("--strength", shown);
    }
  }

  const number = (value, digits = 4) =>
    value === 0 || !Number.isFinite(value) ? String(value)
      : Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6 ? value.toExponential(digits - 2)
        : Math.abs(value) >= 10 ** digits ? value.toFixed(0) : value.toPrecision(digits);
  const percent = (value) => `${(100 * value).toFixed(1)} %`;

  /** Why a token has its class, in the method’s terms. */
  function reason(record, outcome, i, { method, constants }) {
    const name = outcome.classes[i];
    const sign = (holds) => (holds ? ">" : "≤");
    const compare = (label, value, limit) => `${label} ${number(value, 3)} ${sign(value > limit)} ${limit}`;
    if (method === "cut" && record.isIncorrect) {
      return compare("j/b", record.judge[i] / record.base[i], constants["cut-ratio"]);
    }
    if (!nlft.formulas.isNLFT(method)) return "";
    if (name === CLUSTER) return "its state lies in the cluster of a salient token";
    const [b, s] = [record.base[i], record.standard[i]];
    if (!record.isIncorrect) {
      return constants.salient === "lift"
        ? compare("s/b", s / b, constants["lift-ratio"]) : compare("s", s, constants.threshold);
    }
    const j = record.judge[i];
    const parts = [
      compare("j/b", j / b, constants["ratio-base"]), compare("j/s", j / s, constants["ratio-standard"]),
      compare("j", j, constants.floor),
    ];
    return parts.join(", ") + (outcome.isOverShare && name !== SALIENT ? "; no likelihood: share over the limit" : "");
  }

  /** What is to be read of token `i`. */
  function reading(record, outcome, i, settings) {
    const bytes = tokenBytes(record, i);
    const head = element("p", { class: "what" },
      element("b", {}, `“${visible(tokenText(record, i)).replaceAll("\n", "⏎").replaceAll("\t", "⇥")}”`),
      element("span", {}, ` token ${i + 1} of ${record.count}, number ${record.tokens[i]}` + (bytes ? `, bytes ${bytes}` : "") +
        (record.special.has(i) ? ", control" : "")));
    const parts = [head];
    if (record.base) {
      const prompts = [["b", "base", record.base], ["s", "standard", record.standard], ["j", "judge", record.judge]];
      const table = element("table", {}, element("caption", {}, "Probability"));
      for (const [letter, prompt, values] of prompts) {
        const bar = element("span", { class: "bar" });
        if (values) bar.style.setProperty("--share", String(values[i]));
        table.append(element("tr", {}, element("th", { scope: "row" }, letter, element("small", {}, ` ${prompt}`)),
          element("td", {}, values ? number(values[i]) : "–"), element("td", { "aria-hidden": "true" }, bar)));
      }
      const ratio = (label, above, below) =>
        above && below ? element("div", {}, element("dt", {}, label), element("dd", {}, number(above[i] / below[i], 3))) : null;
      parts.push(table, element("dl", { class: "ratios" }, ratio("s/b", record.standard, record.base),
        ratio("j/b", record.judge, record.base), ratio("j/s", record.judge, record.standard)));
    } else parts.push(element("p", {}, record.trouble ?? "not scored"));
    if (outcome.refusal) parts.push(element("p", { class: "refusal" }, `no loss: ${outcome.refusal}`));
    else if (outcome.classes) {
      const { action } = effect(outcome, i);
      const words = { reinforce: "reinforced", suppress: "suppressed", nothing: "nothing happens" };
      const why = reason(record, outcome, i, settings);
      parts.push(
        element("p", { class: "class" }, element("b", {}, `${classNames[outcome.classes[i]]}, ${words[action]}`), why ? ` ${why}` : ""),
        element("dl", { class: "weights" },
          ...["likelihood", "unlikelihood"].map((name) => element("div", {}, element("dt", {}, name),
            element("dd", {}, number(outcome.final[name][i]), element("small", {}, ` (${number(outcome.raw[name][i], 3)} before mean and factor)`))))));
    } else parts.push(element("p", {}, "the method learns the standard answer in its place"));
    return parts;
  }

  /** The same in one sentence, for those who listen. */
  function sentence(record, outcome, i) {
    const words = [visible(tokenText(record, i)).trim() || "blank"];
    if (outcome.classes && !outcome.refusal) words.push(classNames[outcome.classes[i]], effect(outcome, i).action);
    if (record.base) words.push(`b ${number(record.base[i], 2)}`);
    if (record.standard) words.push(`s ${number(record.standard[i], 2)}`);
    if (record.judge) words.push(`j ${number(record.judge[i], 2)}`);
    return words.join(", ");
  }

  /** The figures above a response. */
  function figures(record, outcome, { constants }) {
    const chips = [];
    const chip = (text, kind = "", title = null) => chips.push(element("li", { class: kind, title }, text));
    if (outcome.refusal) chip(outcome.isLeftOut ? "left out by the method" : `no loss: ${outcome.refusal}`, "warning");
    if (record.trouble) chip(record.trouble, "warning");
    if (record.count !== undefined) chip(`${record.count} tokens`);
    if (record.data.record.finish === "length") chip("cut off", "warning", "finish is \"length\"");
    if (outcome.refusal) return chips;
    if (!outcome.classes) chip("the response is not in the loss");
    else {
      const share = outcome.salient / record.count;
      if (outcome.isOverShare) {
        chip(`${percent(share)} salient > ${percent(constants.share)}: no likelihood`, "warning",
          "The share of salient tokens is over the limit: only unlikelihood is left.");
      } else if (outcome.salient > 0) chip(`${percent(share)} salient`);
      if (outcome.loss !== null) chip(`loss ${number(outcome.loss, 3)}`, "", "−Σ l log b − Σ u log(1 − b) over the response");
    }
    return chips;
  }

  /** One of the texts beside the response; `term` is its part in the loss. */
  function text(title, content, term = null) {
    if (content === null) return null;
    return element("section", { class: term ? "learnt" : null },
      element("h3", {}, title, term ? element("span", { class: "term" }, term) : null),
      element("p", { dir: "auto" }, visible(content)));
  }

  function texts(record, outcome) {
    const { answer, judge } = outcome.refusal ? { answer: null, judge: null } : outcome;
    const times = (weight) => (weight === 1 ? "" : `, weight ${weight}`);
    const part = (term) => term && term.count > 0 ? `in the loss: ${term.count} tokens${times(term.weight)}` : null;
    return [
      text("Question", record.question),
      text("Standard answer", record.answer ?? (answer ? "" : null), part(answer)),
      text("Critique", record.judgment ?? (judge ? "" : null), judge ? `response under it ${part(judge) ?? "has no target"}` : null),
      record.tokens && !record.texts ? text("Response as text", record.output) : null,
      record.instruction === null || record.instruction === "" ? null
        : element("details", {}, element("summary", {}, "Instruction"), element("p", { dir: "auto" }, visible(record.instruction))),
    ];
  }

  function verdict(record) {
    const { predicted, expected } = record.data.record;
    const value = (found) => visible(nlft.records.shown(found) ?? "no value");
    const values = predicted === undefined && expected === undefined ? ""
      : record.isIncorrect ? `: ${value(predicted)}, expected ${value(expected)}` : `: ${value(predicted)}`;
    if (record.isIncorrect) return element("span", { class: "verdict incorrect" }, `✗ incorrect${values}`);
    return element("span", { class: "verdict correct" }, (record.isGraded ? "✓ correct" : "✓ taken as correct") + values);
  }

  return { response, shade, reading, sentence, figures, texts, verdict, effect, visible, classNames };
})();
