"use strict";
// The methods of nlft-saliency: what a record's probabilities become, in the same order of operations and rounded at the
// same places, so that the numbers are the tool's. Nothing here knows of a page.
globalThis.nlft = globalThis.nlft || {};

nlft.formulas = (() => {
  const PLAIN = 0;
  const CLUSTER = 1;
  const SALIENT = 2;

  // The tool keeps weights in single precision.
  const single = Math.fround;

  /** Why a record has no loss under the chosen method; `isLeftOut` where the method means it. */
  class Refusal {
    constructor(reason, isLeftOut = false) {
      this.reason = reason;
      this.isLeftOut = isLeftOut;
    }
  }

  const readsScores = new Set(["cut", "dft", "nlft-reference", "nlft"]);
  const isNLFT = (method) => method === "nlft" || method === "nlft-reference";

  function plain(count, likelihood = 1) {
    return {
      classes: new Uint8Array(count),
      likelihood: new Float32Array(count).fill(likelihood),
      unlikelihood: new Float32Array(count),
      isOverShare: false,
    };
  }

  /** Classes: salient tokens, and around each those that its walks reach. */
  function cluster(record, salient, constants) {
    const classes = new Uint8Array(salient.length);
    for (let i = 0; i < salient.length; i++) if (salient[i]) classes[i] = SALIENT;
    if (constants.clustering === "off") return classes;
    if (!record.hasStates) {
      throw new Refusal(
        record.statesTrouble ||
          'clustering needs hidden states, but the scores frame has no "hidden.base" (or turn clustering off)');
    }
    const { left, right } = record.reach(constants.clustering, constants["cluster-limit"]);
    for (let i = 0; i < salient.length; i++) {
      if (!salient[i]) continue;
      for (let k = i - left[i]; k <= i + right[i]; k++) if (classes[k] === PLAIN) classes[k] = CLUSTER;
    }
    return classes;
  }

  function standard(record) {
    if (!record.standard) {
      throw new Refusal('no standard answer was scored: the scores frame has no "logprob.standard"');
    }
    return record.standard;
  }

  function judge(record) {
    if (!record.judge) {
      throw new Refusal('an incorrect record without a critique: its scores have no "logprob.judge"');
    }
    return record.judge;
  }

  /** −log b − w log b over a correct response: the likelihood 1 + w. */
  function correct(record, constants) {
    const s = standard(record);
    const b = record.base;
    const tau = constants.threshold;
    const [salientPower, clusterPower, plainPower] = constants.powers;
    const isLift = constants.salient === "lift";
    const salient = s.map((value, i) => (isLift ? value > constants["lift-ratio"] * b[i] : value > tau));
    const weights = plain(s.length, 0);
    weights.classes = cluster(record, salient, constants);
    for (let i = 0; i < s.length; i++) {
      const w =
        weights.classes[i] === SALIENT
          ? single(1 + Math.pow(Math.max(0, (s[i] - tau) / (1 - tau)), salientPower))
          : single(Math.pow(s[i] / tau, weights.classes[i] === CLUSTER ? clusterPower : plainPower));
      weights.likelihood[i] = single(w + 1);
    }
    return weights;
  }

  /** −w log b − u log(1 − b) over an incorrect response. */
  function incorrect(record, constants) {
    const j = judge(record);
    const s = standard(record);
    const b = record.base;
    const salient = j.map(
      (value, i) =>
        value > constants["ratio-base"] * b[i] && value > constants["ratio-standard"] * s[i] && value > constants.floor);
    const weights = plain(j.length, 0);
    weights.classes = cluster(record, salient, constants);
    let count = 0;
    for (const value of salient) if (value) count++;
    weights.isOverShare = count > constants.share * j.length;
    for (let i = 0; i < j.length; i++) {
      if (weights.classes[i] === SALIENT) {
        weights.unlikelihood[i] = constants["unlikelihood-scale"] / (1 + Math.exp(-(j[i] / b[i] - constants.centre)));
      } else if (weights.classes[i] === PLAIN && !weights.isOverShare) {
        weights.likelihood[i] = Math.pow(s[i], constants["incorrect-power"]);
      }
    }
    return weights;
  }

  /** Contrastive unlikelihood training. */
  function cut(record, constants) {
    if (!record.isIncorrect) return plain(record.count);
    const j = judge(record);
    const weights = plain(j.length);
    for (let i = 0; i < j.length; i++) {
      if (!(j[i] > constants["cut-ratio"] * record.base[i])) continue;
      weights.classes[i] = SALIENT;
      weights.likelihood[i] = 0;
      weights.unlikelihood[i] = constants["cut-unlikelihood"];
    }
    return weights;
  }

  /** Weights of the response before the mean and the factor; null where the standard answer is learnt instead. */
  function responseWeights(record, { method, constants, isShuffled }) {
    if (method === "distill-correct" && record.isIncorrect) {
      throw new Refusal("distill-correct leaves incorrect records out", true);
    }
    if (record.prompts.base === undefined) throw new Refusal('has no "tokens.base"');
    if (method === "sft" || (method === "distill-cleaned" && record.isIncorrect)) return null;
    if (record.count === undefined) throw new Refusal('has no "tokens.output"');
    if (record.count === 0) throw new Refusal('"tokens.output" is empty');
    if (!readsScores.has(method)) return plain(record.count);
    if (!record.base) throw new Refusal(record.trouble || 'has no "scores"');
    let weights;
    if (method === "cut") weights = cut(record, constants);
    else if (method === "dft") {
      weights = plain(record.count);
      weights.likelihood.set(record.base);
    } else weights = record.isIncorrect ? incorrect(record, constants) : correct(record, constants);
    if (isShuffled && record.order) {
      for (const name of ["classes", "likelihood", "unlikelihood"]) {
        weights[name] = weights[name].map((_, i, all) => all[record.order[i]]);
      }
    }
    return weights;
  }

  /** A further sequence in the loss: so many targets, each with this weight of −log p. */
  function term(count, weight, length, factor) {
    return { count, likelihood: single((factor * single(weight)) / length), weight };
  }

  function answerTerm(record, weight, factor) {
    if (record.answerTokens === undefined) throw new Refusal('has no "tokens.answer"');
    if (record.answerTokens === 0) throw new Refusal('"tokens.answer" is empty');
    return term(record.answerTokens, weight, record.answerTokens, factor);
  }

  function judgeTerm(record, constants) {
    if (record.prompts.judge === undefined) throw new Refusal('has no "tokens.judge"');
    // As published, the target of base position p is read at position p of the judge sequence; behind its end there is none.
    const fitting = record.prompts.judge + record.count - (record.prompts.base - 1);
    const count =
      constants["judge-term"] === "reference" ? Math.max(0, Math.min(record.count, fitting)) : record.count;
    return term(count, 1, record.count, constants.factor);
  }

  /**
   * What a method makes of a record. `settings` has `method`, `constants` by the names of the tool's options, and
   * `isShuffled`. In the result `raw` and `final` hold the weights of the response before and after the mean and the
   * factor; `answer` and `judge` are further terms of the loss; `refusal` says why there is no loss.
   */
  function weigh(record, settings) {
    const { method, constants } = settings;
    const outcome = {
      refusal: null, isLeftOut: false, classes: null, raw: null, final: null, isOverShare: false, answer: null,
      judge: null, salient: 0, loss: null,
    };
    try {
      const weights = responseWeights(record, settings);
      if (!weights) {
        outcome.answer = answerTerm(record, 1, constants.factor);
        return outcome;
      }
      const scale = (values) => values.map((value) => (constants.factor * value) / record.count);
      outcome.classes = weights.classes;
      outcome.raw = { likelihood: weights.likelihood, unlikelihood: weights.unlikelihood };
      outcome.final = { likelihood: scale(weights.likelihood), unlikelihood: scale(weights.unlikelihood) };
      outcome.isOverShare = weights.isOverShare;
      for (const value of weights.classes) if (value === SALIENT) outcome.salient++;
      outcome.loss = responseLoss(record, outcome.final);
      if (isNLFT(method)) {
        if (record.isIncorrect && constants["judge-term"] !== "off") outcome.judge = judgeTerm(record, constants);
        const weight = constants[record.isIncorrect ? "answer-term" : "correct-answer-term"];
        if (weight > 0) outcome.answer = answerTerm(record, weight, constants.factor);
      }
      const isWeighed = ({ likelihood, unlikelihood }) =>
        likelihood.some((value) => value !== 0) || unlikelihood.some((value) => value !== 0);
      if (!outcome.answer && !(outcome.judge && outcome.judge.count > 0) && !isWeighed(outcome.final)) {
        throw new Refusal("no token with a weight");
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      outcome.refusal = error.reason;
      outcome.isLeftOut = error.isLeftOut;
    }
    return outcome;
  }

  /** The response's part of the loss, at the probabilities that the record was scored with; null without them. */
  function responseLoss(record, { likelihood, unlikelihood }) {
    if (!record.base) return null;
    let loss = 0;
    for (let i = 0; i < record.count; i++) {
      if (likelihood[i] !== 0) loss -= likelihood[i] * record.logBase[i];
      if (unlikelihood[i] !== 0) loss -= unlikelihood[i] * Math.log1p(-record.base[i]);
    }
    return loss;
  }

  return { PLAIN, CLUSTER, SALIENT, weigh, isNLFT };
})();
