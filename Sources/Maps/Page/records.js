"use strict";
// The records of the page: lists of numbers are base64 of their bytes, little-endian.
globalThis.nlft = globalThis.nlft || {};

nlft.records = (() => {
  function bytes(text) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  /** Lengths: seven bits a byte, low ones first. */
  function lengths(text) {
    const numbers = [];
    let number = 0;
    let shift = 0;
    for (const byte of bytes(text)) {
      number += (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) {
        numbers.push(number);
        number = shift = 0;
      }
    }
    return numbers;
  }

  /** The cluster limits that the records know: every thousandth from 0 to 2, and the command line's own. */
  function clusterLimits(settings) {
    const count = 2 * settings.stepsPerUnit + 1;
    const values = Array.from({ length: count }, (_, k) => k / settings.stepsPerUnit);
    const given = settings.clusterLimit;
    const place = values.findIndex((value) => value >= given);
    if (place < 0) values.push(given);
    else if (values[place] !== given) values.splice(place, 0, given);
    return values;
  }

  class MapRecord {
    /** `text` is JSON as nlft-saliency writes it; `limits` are those of the page. */
    constructor(text, index, limits) {
      const data = JSON.parse(text);
      this.index = index;
      this.limits = limits;
      this.data = data;
      const fields = data.record;
      this.id = data.id ?? "(no id)";
      this.question = nlft.records.shown(fields.question ?? fields.input);
      this.instruction = nlft.records.shown(fields.instruction);
      this.answer = nlft.records.shown(fields.answer);
      this.output = nlft.records.shown(fields.output);
      this.judgment = nlft.records.shown(fields.judgment);
      this.isIncorrect = data.incorrect === true;
      this.isGraded = fields.judgment !== undefined || fields.correct !== undefined;
      this.trouble = data.trouble ?? null;
      this.statesTrouble = data.statesTrouble ?? null;
      this.hasStates = data.near !== undefined;
      this.prompts = data.prompts ?? {};
      this.answerTokens = data.answerTokens;
      this.tokens = data.tokens === undefined ? null : new Int32Array(bytes(data.tokens).buffer);
      this.count = this.tokens ? this.tokens.length : undefined;
      this.texts = data.texts ?? null;
      this.special = new Set(data.special ?? []);
      this.order = data.order === undefined ? null : lengths(data.order);
      this.logBase = this.logarithms(data.base);
      this.logStandard = this.logarithms(data.standard);
      this.logJudge = this.logarithms(data.judge);
      this.base = this.logBase && this.logBase.map(Math.exp);
      this.standard = this.logStandard && this.logStandard.map(Math.exp);
      this.judge = this.logJudge && this.logJudge.map(Math.exp);
      this.steps = {};
      this.reached = {};
    }

    /** Logarithms of probabilities, which rounding may have pushed above 0. */
    logarithms(text) {
      if (text === undefined) return null;
      return Float64Array.from(new Float32Array(bytes(text).buffer), (value) => Math.min(value, 0));
    }

    /** How many tokens before and behind each the cluster around it holds, were it salient. */
    reach(clustering, limit) {
      const key = clustering + limit;
      if (this.reached.key !== key) this.reached = { key, ...this.walk(clustering, limit) };
      return this.reached;
    }

    walk(clustering, limit) {
      if (!this.steps[clustering]) {
        this.steps[clustering] = Uint16Array.from(lengths(this.data[clustering]));
        this.data[clustering] = "";
      }
      const steps = this.steps[clustering];
      const place = nlft.records.nearest(this.limits, limit);
      const opening = clustering === "near" ? place : this.limits.length - 1 - place;
      const left = new Uint16Array(this.count);
      const right = new Uint16Array(this.count);
      let at = 0;
      for (let i = 0; i < this.count; i++) {
        const end = at + 1 + 3 * steps[at];
        at++;
        let reached = 0;
        for (; at < end; at += 3) {
          reached += steps[at];
          if (reached > opening) break;
          left[i] = steps[at + 1];
          right[i] = steps[at + 2];
        }
        at = end;
      }
      return { left, right };
    }

    /** Whether any text of the record holds `text`, whatever its case. */
    holds(text) {
      const wanted = text.toLowerCase();
      return [this.id, this.question, this.instruction, this.answer, this.output, this.judgment].some(
        (part) => part !== null && part.toLowerCase().includes(wanted));
    }
  }

  /** A field as text; null where there is none. */
  function shown(value) {
    if (value === undefined || value === null) return null;
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  /** The place of the limit nearest to `limit`; `limits` ascend. */
  function nearest(limits, limit) {
    let [low, high] = [0, limits.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (limits[middle] >= limit) high = middle;
      else low = middle + 1;
    }
    return low > 0 && limit - limits[low - 1] < limits[low] - limit ? low - 1 : low;
  }

  return { MapRecord, clusterLimits, nearest, shown };
})();
