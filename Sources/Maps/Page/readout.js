"use strict";
// What is read of the token under the pointer, or of the one that has the focus.
globalThis.nlft = globalThis.nlft || {};

/** The numbers of one token, beside it. */
nlft.Readout = class {
  constructor(page) {
    this.page = page;
    this.box = document.getElementById("readout");
    this.token = null;
    const at = (target) => target.closest?.(".token[data-token]");
    page.holder.addEventListener("pointerover", ({ target }) => at(target) && this.show(at(target)));
    page.holder.addEventListener("pointerout", ({ target, relatedTarget }) => {
      if (at(target) && !(relatedTarget && at(relatedTarget))) this.back();
    });
    page.holder.addEventListener("focusin", ({ target }) => at(target) && this.focus(at(target)));
    page.holder.addEventListener("focusout", () => this.hide());
    addEventListener("scroll", () => this.token && this.place(), { passive: true });
    addEventListener("resize", () => this.token && this.place());
  }

  focus(token) {
    for (const other of token.closest(".response").querySelectorAll('[aria-selected="true"]')) {
      other.setAttribute("aria-selected", "false");
      other.tabIndex = -1;
    }
    token.setAttribute("aria-selected", "true");
    token.closest(".response").querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
    token.tabIndex = 0;
    this.show(token);
  }

  show(token) {
    if (this.token !== token) this.token?.removeAttribute("aria-describedby");
    this.token = token;
    this.refresh();
  }

  /** Back to the token that has the focus, if one has. */
  back() {
    const focused = document.activeElement?.closest?.(".token[data-token]");
    if (focused) this.show(focused);
    else this.hide();
  }

  hide() {
    this.token?.removeAttribute("aria-describedby");
    this.token = null;
    this.box.hidden = true;
  }

  refresh() {
    if (!this.token) return;
    const card = this.token.closest(".record");
    const parts = card && this.page.filled.get(Number(card.dataset.index));
    if (!parts) return this.hide();
    const i = Number(this.token.dataset.token);
    this.box.replaceChildren(...nlft.responses.reading(parts.record, parts.outcome, i, this.page.settings.snapshot));
    this.token.setAttribute("aria-label", nlft.responses.sentence(parts.record, parts.outcome, i));
    this.token.setAttribute("aria-describedby", "readout");
    this.box.hidden = false;
    this.place();
  }

  /** Under the token, or above it where there is more room. */
  place() {
    const rects = this.token.getClientRects();
    const rect = rects[0] ?? this.token.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.box;
    const isBelow = rect.bottom + height + 12 < innerHeight || rect.top < innerHeight - rect.bottom;
    this.box.style.insetBlockStart = `${isBelow ? rect.bottom + 8 : Math.max(4, rect.top - height - 8)}px`;
    this.box.style.insetInlineStart = `${Math.max(8, Math.min(rect.left - 12, document.documentElement.clientWidth - width - 8))}px`;
  }
};
