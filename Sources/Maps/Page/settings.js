"use strict";
// Method and constants: what can be set, what is set, and the command line that says the same.
globalThis.nlft = globalThis.nlft || {};

nlft.settings = (() => {
  const methods = {
    nlft: "NLFT, mended and measured",
    "nlft-reference": "NLFT as its code was published",
    cut: "distill, suppressing what the critique makes likelier",
    dft: "distill, each token weighted by its probability",
    distill: "the model’s own output, correct or not",
    "distill-correct": "correct outputs only",
    "distill-cleaned": "correct outputs, else the standard answer",
    sft: "the standard answer",
  };

  const notNegative = (value) => value >= 0;

  /** Every constant in the order of the panel, by the name of its option. Ranges are the sliders’, not the tool’s. */
  const constants = {
    salient: {
      group: "Correct responses", label: "salient rule", choices: ["absolute", "lift"],
      help: "absolute: s > threshold. lift: s/b > lift ratio, the standard answer makes the token likelier.",
    },
    threshold: {
      group: "Correct responses", label: "threshold τ", range: [0.5, 0.999, 0.001],
      isGood: (value) => value > 0 && value < 1, help: "A token is salient when s is above this.",
    },
    "lift-ratio": {
      group: "Correct responses", label: "lift ratio", range: [1, 6, 0.05], isGood: notNegative,
      isRead: (values) => values.salient === "lift", help: "A token is salient when s/b is above this.",
    },
    powers: {
      group: "Correct responses", label: ["power, salient", "power, clustered", "power, plain"],
      range: [0, 10, 0.1], isGood: notNegative,
      help: [
        "Weight 1 + ((s − τ)/(1 − τ))^power of salient tokens.", "Weight (s/τ)^power of clustered tokens.",
        "Weight (s/τ)^power of plain tokens.",
      ],
    },
    "ratio-base": {
      group: "Incorrect responses", label: "ratio to base", range: [1, 6, 0.05], isGood: notNegative,
      help: "A token is salient when j/b is above this, j/s above the next, and j above the floor.",
    },
    "ratio-standard": {
      group: "Incorrect responses", label: "ratio to standard", range: [1, 6, 0.05], isGood: notNegative,
      help: "A token is salient only when j/s is above this.",
    },
    floor: {
      group: "Incorrect responses", label: "floor", range: [0, 0.3, 0.001], isGood: notNegative,
      help: "A token is salient only when j is above this.",
    },
    share: {
      group: "Incorrect responses", label: "share", range: [0, 0.5, 0.005], isGood: notNegative,
      help: "A response with a larger share of salient tokens has no likelihood at all.",
    },
    centre: {
      group: "Incorrect responses", label: "centre", range: [-2, 6, 0.05], isGood: Number.isFinite,
      help: "Offset of the unlikelihood, scale · σ(j/b − centre).",
    },
    "unlikelihood-scale": {
      group: "Incorrect responses", label: "unlikelihood scale", range: [0, 5, 0.05], isGood: notNegative,
      help: "Scale of the unlikelihood, scale · σ(j/b − centre).",
    },
    "incorrect-power": {
      group: "Incorrect responses", label: "power of s", range: [0, 8, 0.1], isGood: notNegative,
      help: "Likelihood s^power of plain tokens.",
    },
    clustering: {
      group: "Clusters", label: "neighbours join", choices: ["near", "far", "off"],
      help: "Which neighbours of a salient token join its cluster: those whose states are near, far (as published), none.",
    },
    "cluster-limit": {
      group: "Clusters", label: "cosine distance", range: [0, 1.5, 0.005], isGood: notNegative,
      isRead: (values) => values.clustering !== "off", help: "Decides about joining; in steps of 0.001 up to 2.",
    },
    "judge-term": {
      group: "Further terms", label: "judge term", choices: ["off", "aligned", "reference"],
      help: "Extra likelihood of an incorrect response under its critique; reference: misaligned, as published.",
    },
    "answer-term": {
      group: "Further terms", label: "answer, incorrect", range: [0, 5, 0.1], isGood: notNegative,
      help: "Weight of the standard answer in the loss of an incorrect response.",
    },
    "correct-answer-term": {
      group: "Further terms", label: "answer, correct", range: [0, 5, 0.1], isGood: notNegative,
      help: "Weight of the standard answer in the loss of a correct response.",
    },
    "cut-ratio": {
      group: "Incorrect responses", label: "ratio to base", range: [1, 6, 0.05], isGood: notNegative,
      help: "A token is suppressed when j/b is above this.",
    },
    "cut-unlikelihood": {
      group: "Incorrect responses", label: "unlikelihood", range: [0, 3, 0.05], isGood: notNegative,
      help: "The unlikelihood of such a token.",
    },
    factor: {
      group: "Scale", label: "factor", range: [0.1, 20, 0.1], isGood: (value) => value > 0,
      help: "Multiplies every weight at the end.",
    },
  };

  /** A value from the tool’s or an address’s text; undefined where it is none. */
  function parsed(option, text) {
    const constant = constants[option];
    if (constant.choices) return constant.choices.includes(text) ? text : undefined;
    const numbers = String(text).split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
    if (!numbers.every((number) => Number.isFinite(number) && constant.isGood(number))) return undefined;
    if (option === "powers") return numbers.length === 3 ? numbers : undefined;
    return numbers.length === 1 ? numbers[0] : undefined;
  }

  const written = (value) => (Array.isArray(value) ? value.join(",") : String(value));

  const quoted = (word) => (/^[A-Za-z0-9_.,\/:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

  /** The settings of a page: a method, and the constants that were moved off its preset. */
  class Settings {
    constructor(page) {
      this.page = page;
      this.limits = nlft.records.clusterLimits(page);
      this.presets = {};
      for (const [method, options] of Object.entries(page.presets)) this.presets[method] = Settings.values(options);
      this.reset();
    }

    static values(options) {
      return Object.fromEntries(Object.entries(options).map(([option, text]) => [option, parsed(option, text)]));
    }

    /** What the command line said. */
    reset() {
      this.method = this.page.method;
      this.isShuffled = this.page.shuffling !== null;
      this.moved = {};
      for (const [option, value] of Object.entries(Settings.values(this.page.constants))) this.set(option, value);
    }

    /** The options that the method reads, in the panel’s order. */
    get options() {
      return Object.keys(constants).filter((option) => option in this.presets[this.method]);
    }

    preset(option) { return this.presets[this.method][option]; }

    /** Every constant that the method reads. */
    get constants() {
      const values = {};
      for (const option of this.options) values[option] = this.moved[option] ?? this.preset(option);
      return values;
    }

    isMoved(option) {
      return option in this.moved && written(this.moved[option]) !== written(this.preset(option));
    }

    /** Sets a constant; false if the tool would refuse the value. */
    set(option, value) {
      const good = parsed(option, written(value));
      if (good === undefined) return false;
      this.moved[option] =
        option === "cluster-limit" ? this.limits[nlft.records.nearest(this.limits, good)] : good;
      if (option in this.presets[this.method] && !this.isMoved(option)) delete this.moved[option];
      return true;
    }

    /** What `nlft.formulas.weigh` wants. */
    get snapshot() { return { method: this.method, constants: this.constants, isShuffled: this.isShuffled }; }

    /** The options that say the same to the tool. */
    get arguments() {
      const words = ["--method", this.method];
      for (const option of this.options) {
        if (!this.isMoved(option)) continue;
        const value = written(this.moved[option]);
        words.push(...(value.startsWith("-") ? [`--${option}=${value}`] : [`--${option}`, value]));
      }
      if (this.isShuffled) words.push("--shuffle-weights", this.page.shuffling);
      return words;
    }

    /** The whole command line. */
    get command() {
      const archive = this.page.archive ?? "loss.safetensors.zst";
      const words = ["nlft-saliency", ...this.arguments, "--archive", archive, ...this.page.files];
      return words.map(quoted).join(" ") + " > weighted.jsonl";
    }

    /** The settings as the part of an address behind `#`. */
    get fragment() {
      const parts = new URLSearchParams({ method: this.method });
      for (const option of this.options) if (this.isMoved(option)) parts.set(option, written(this.moved[option]));
      return parts.toString();
    }

    set fragment(text) {
      const parts = new URLSearchParams(text);
      const method = parts.get("method");
      if (!(method in this.presets)) return;
      this.method = method;
      this.moved = {};
      for (const [option, value] of parts) if (option in constants) this.set(option, value);
    }
  }

  return { Settings, methods, constants, written };
})();
