// Compares what the page's formulas make of its records with what the tool makes of them. The tests run it behind the
// page's scripts, in a browser and in a bare engine alike; nothing of it is in the page.
"use strict";

/**
 * `cases` holds settings as options of nlft-saliency and, for each record, the tool's classes, weights and further terms,
 * or its refusal. `record` gives a record by its number. Returns what was compared and what differed.
 */
globalThis.compareWithTool = (page, cases, record) => {
  const differences = [];
  const commands = [];
  let numbers = 0;
  const isNear = (found, expected) =>
    expected === 0 ? found === 0 : Math.abs(found / expected - 1) <= 1e-9;
  for (const [place, { method, options, isShuffled, records }] of cases.entries()) {
    const settings = new nlft.settings.Settings(page);
    settings.method = method;
    settings.moved = {};
    settings.isShuffled = isShuffled;
    for (const [option, text] of Object.entries(options)) {
      if (!settings.set(option, text)) differences.push(`setting ${place}: ${option} ${text} is refused`);
    }
    if (settings.options.slice().sort().join() !== Object.keys(options).sort().join()) {
      differences.push(`setting ${place}: ${method} reads ${settings.options}, expected ${Object.keys(options)}`);
    }
    commands.push(settings.arguments);
    records.forEach((expected, index) => {
      const found = nlft.formulas.weigh(record(index), settings.snapshot);
      const differ = (what, one, other) =>
        differences.push(`setting ${place} (${method}), record ${index}: ${what} ${one}, expected ${other}`);
      if (found.refusal !== (expected.refusal ?? null)) return differ("refusal", found.refusal, expected.refusal);
      if (found.refusal !== null) return;
      const terms = [found.judge, found.answer].filter((term) => term !== null && term.count > 0);
      if (terms.length !== expected.terms.length) differ("terms", terms.length, expected.terms.length);
      terms.forEach(({ count, likelihood }, k) => {
        const [expectedCount, expectedLikelihood] = expected.terms[k] ?? [];
        numbers++;
        if (count !== expectedCount) differ(`term ${k} targets`, count, expectedCount);
        if (!isNear(likelihood, expectedLikelihood)) differ(`term ${k} weight`, likelihood, expectedLikelihood);
      });
      if ((found.classes === null) !== (expected.classes === undefined)) return differ("classes", found.classes, expected.classes);
      if (found.classes === null) return;
      if ([...found.classes].join("") !== expected.classes) differ("classes", [...found.classes].join(""), expected.classes);
      for (const name of ["likelihood", "unlikelihood"]) {
        if (found.final[name].length !== expected[name].length) differ(name, found.final[name].length, expected[name].length);
        expected[name].forEach((value, i) => {
          numbers++;
          if (!isNear(found.final[name][i], value)) differ(`${name} ${i}`, found.final[name][i], value);
        });
      }
    });
  }
  return { numbers, differences: differences.slice(0, 20), count: differences.length, commands };
};
