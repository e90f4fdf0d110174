"use strict";
// The panel: a control for each constant that the method reads, and the command line.
globalThis.nlft = globalThis.nlft || {};

/** An element: `element("p", {class: "note"}, "text", child)`. Texts are texts, never markup. */
nlft.element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};

nlft.Controls = class {
  /** `changed` is called when a setting was moved. */
  constructor(settings, changed) {
    this.settings = settings;
    this.changed = changed;
    this.panel = document.getElementById("constants");
    this.method = document.getElementById("method");
    for (const name of Object.keys(nlft.settings.methods)) this.method.append(nlft.element("option", { value: name }, name));
    this.method.addEventListener("change", () => {
      settings.method = this.method.value;
      this.build();
      changed();
    });
    document.getElementById("reset").addEventListener("click", () => {
      settings.reset();
      this.build();
      changed();
    });
    document.getElementById("preset").addEventListener("click", () => {
      settings.moved = {};
      this.build();
      changed();
    });
    this.shuffled = document.getElementById("shuffled");
    if (settings.page.shuffling !== null) {
      document.getElementById("shuffling").hidden = false;
      this.shuffled.addEventListener("change", () => {
        settings.isShuffled = this.shuffled.checked;
        changed();
      });
    }
    this.copy = document.getElementById("copy");
    this.copy.addEventListener("click", () => this.copyCommand());
    this.build();
  }

  /** Makes the controls of the method anew. */
  build() {
    const { settings } = this;
    this.method.value = settings.method;
    this.shuffled.checked = settings.isShuffled;
    document.getElementById("method-help").textContent = nlft.settings.methods[settings.method];
    this.rows = [];
    const groups = new Map();
    for (const option of settings.options) {
      const { group } = nlft.settings.constants[option];
      if (!groups.has(group)) groups.set(group, nlft.element("fieldset", {}, nlft.element("legend", {}, group)));
      groups.get(group).append(...this.controls(option));
    }
    this.panel.replaceChildren(...groups.values());
    this.update();
  }

  /** The rows of one constant: one, or three for the powers. */
  controls(option) {
    const constant = nlft.settings.constants[option];
    if (constant.choices) return [this.choice(option, constant)];
    if (!Array.isArray(constant.label)) {
      return [this.number(option, constant.label, constant.help, () => this.settings.constants[option], (value) => value)];
    }
    return constant.label.map((label, place) =>
      this.number(
        option, label, constant.help[place], () => this.settings.constants[option][place],
        (value) => this.settings.constants[option].with(place, value), place));
  }

  choice(option, constant) {
    const select = nlft.element("select", {
      id: `constant-${option}`,
      title: constant.help,
      change: () => this.set(option, select.value),
    }, ...constant.choices.map((choice) => nlft.element("option", { value: choice }, choice)));
    const row = this.row(option, constant.label, constant.help, select.id, select);
    this.rows.push({ option, row, show: () => (select.value = this.settings.constants[option]) });
    return row;
  }

  number(option, label, help, value, whole, place = "") {
    const [min, max, step] = nlft.settings.constants[option].range;
    const id = `constant-${option}${place === "" ? "" : "-" + place}`;
    const slider = nlft.element("input", {
      type: "range", min, max, step, "aria-label": label, title: help,
      input: () => this.set(option, whole(Number(slider.value)), slider),
    });
    const field = nlft.element("input", {
      type: "number", id, step: "any", title: help, inputmode: "decimal",
      input: () => {
        const isGood = field.value !== "" && this.set(option, whole(Number(field.value)), field);
        field.setAttribute("aria-invalid", String(!isGood));
      },
      blur: () => this.update(),
    });
    const row = this.row(option, label, help, id, slider, field);
    const show = (except) => {
      if (except !== slider) slider.value = value();
      slider.setAttribute("aria-valuetext", String(value()));
      if (except === field) return;
      field.value = value();
      field.setAttribute("aria-invalid", "false");
    };
    this.rows.push({ option, row, show });
    return row;
  }

  row(option, label, help, id, ...inputs) {
    const reset = nlft.element("button", {
      type: "button", class: "undo", title: `Back to the preset of --${option}`, "aria-label": `${label}: back to the preset`,
      click: () => this.set(option, this.settings.preset(option)),
    }, "↺");
    return nlft.element("div", { class: "control" },
      nlft.element("label", { for: id, title: `--${option}: ${help}` }, label), ...inputs, reset);
  }

  set(option, value, from = null) {
    if (!this.settings.set(option, value)) return false;
    this.update(from);
    this.changed();
    return true;
  }

  /** Shows the values that are set; the control `from` that is being moved shows its own. */
  update(from = null) {
    const values = this.settings.constants;
    for (const { option, row, show } of this.rows) {
      show(from);
      const { isRead } = nlft.settings.constants[option];
      row.classList.toggle("moved", this.settings.isMoved(option));
      const isUnread = isRead !== undefined && !isRead(values);
      row.classList.toggle("unread", isUnread);
      for (const input of row.querySelectorAll("input, select")) input.disabled = isUnread;
    }
    // Lines break between words, not behind the hyphens in them.
    const words = this.settings.command.split(" ").map((word) => nlft.element("span", {}, word));
    document.getElementById("command").replaceChildren(...words.flatMap((word) => [word, " "]).slice(0, -1));
  }

  async copyCommand() {
    const { command } = this.settings;
    let isCopied = true;
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      // Without the right to the clipboard: select the text and let the browser copy it.
      const range = document.createRange();
      range.selectNodeContents(document.getElementById("command"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      isCopied = document.execCommand("copy");
    }
    this.copy.textContent = isCopied ? "Copied" : "Selected";
    setTimeout(() => (this.copy.textContent = "Copy"), 1500);
  }
};
