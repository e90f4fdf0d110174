import Records

/// What the run took, and what it was told.
extension ReportPage {
  var costs: Markup {
    let groups = Self.groups(experiment).filter { !$0.stages.isEmpty }
    guard !groups.isEmpty else { return "<p class=\"note\">No times were recorded.</p>\n" }
    let kinds = Stage.Kind.allCases.filter { kind in groups.contains { $0.stages.contains { $0.kind == kind } } }
    let hasMemory = groups.contains { $0.stages.contains { $0.memory != nil } }
    func cell(_ stages: [Stage]) -> Markup {
      let times = stages.compactMap(\.seconds)
      guard !times.isEmpty else { return "–" }
      let time = Figures.fixed(times.reduce(0, +))
      guard hasMemory else { return "\(time)" }
      return "\(time)<small>\(Figures.bytes(stages.compactMap(\.memory).max()))</small>"
    }
    var rows = groups.map { group -> [Markup] in
      ["\(group.name)"] + kinds.map { kind in cell(group.stages.filter { $0.kind == kind }) } + [cell(group.stages)]
    }
    let all = groups.flatMap(\.stages)
    rows.append(["all"] + kinds.map { kind in cell(all.filter { $0.kind == kind }) } + [cell(all)])
    let note: Markup =
      hasMemory
      ? """
      Wall seconds, and below them the most memory that a stage’s process held; of a mapped model the pages that were read count \
      too.\(all.contains { $0.memory == nil } ? " A dash: not recorded." : "")
      """ : "Wall seconds; memory was not recorded."
    return """
      <div class="figures">\(figure("time", "Wall time of the stages; those that take next to none are left out."))</div>
      \(Markup.table([""] + kinds.map { "\($0.rawValue)" } + ["all"], rows, caption: "Time and memory by stage"))
      <p class="note">\(note)</p>

      """
  }

  // MARK: Settings

  var settings: Markup {
    let rows = experiment.settings.filter { $0.name != "model" }.map {
      ["\($0.name)", "\(Markup.command($0.text))"] as [Markup]
    }
    let model = (experiment.setting("model") ?? "").split(separator: "\n").map(Self.modelFile)
    var parts: [Markup] = []
    if !model.isEmpty {
      parts.append("<h3>Model</h3>\n")
      parts.append(Markup.table(["file", "bytes", "modified"], model, caption: "Model files"))
    }
    if !rows.isEmpty {
      parts.append("<h3>Settings</h3>\n")
      parts.append(Markup.table(["group", "setting"], rows, caption: "Settings", textColumns: [1]))
    }
    parts.append(fingerprints)
    return "\(parts)"
  }

  /// A line of the model's stamp: path, size and time, of which the path may have spaces.
  private static func modelFile(_ line: Substring) -> [Markup] {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count >= 3, let size = Int(words[words.count - 2]), let time = Int(words[words.count - 1]) else {
      return ["<code>\(String(line))</code>", "–", "–"]
    }
    return ["<code>\(words.dropLast(2).joined(separator: " "))</code>", "\(size)", "\(Figures.date(time))"]
  }

  private var fingerprints: Markup {
    let learned = experiment.rounds.filter { $0.state != nil || $0.origin != nil }
    guard !learned.isEmpty else { return "" }
    func code(_ text: String?) -> Markup { text.map { "<code class=\"print\">\($0)</code>" } ?? "–" }
    /// What all rounds have in common, or each of what they have.
    func common(_ value: (Round) -> String?) -> Markup {
      var found: [String] = []
      for text in learned.compactMap(value) where !found.contains(text) { found.append(text) }
      return found.isEmpty ? "–" : "\(found.map { "\(code($0)) " as Markup })"
    }
    let shared: [[Markup]] = [
      ["model", common { $0.state?["fingerprints"]?["model"]?.string ?? $0.origin?.model }],
      ["tokenizer", common { $0.origin?.tokenizer }], ["prompts", common { $0.origin?.prompts }],
    ]
    let rows = learned.map { round -> [Markup] in
      let (state, schedule) = (round.state, round.state?["schedule"])
      let seed = if case .number(let digits)? = state?["seed"] { digits } else { Figures.none }
      let warmup = schedule?["warmup_steps"]?.integer, steps = schedule?["total_steps"]?.integer
      return [
        "\(round.name)", code(round.origin?.adapter), code(state?["fingerprints"]?["adapter"]?.string),
        code(state?["run"]?["fingerprint"]?.string), "\(seed)", "\(schedule?["shape"]?.string ?? Figures.none)",
        "\(warmup.map { "\($0)" } ?? Figures.none) of \(steps.map { "\($0)" } ?? Figures.none)",
      ]
    }
    return """
      <h3>Fingerprints</h3>
      \(Markup.table(["of", "fingerprint"], shared, caption: "Fingerprints", textColumns: [1]))
      \(Markup.table(["round", "adapter that answered", "adapter that was learned", "records and their order", "seed", "schedule", "warm-up steps"], rows, caption: "Adapters", textColumns: [1, 2, 3, 5]))
      <p class="note">The same fingerprint, the same content: the adapter that one round learns answers in the next.</p>

      """
  }

  // MARK: Commands

  var commands: Markup {
    let stages = experiment.stages
    let recorded = stages.compactMap(\.command)
    let logs = stages.map { stage -> Markup in
      let counts = stage.done.map { "done \($0), failed \(stage.failed ?? 0)" } ?? ""
      return "<li><a href=\"\(stage.path).log\">\(stage.path).log</a> <span class=\"note\">\(counts)</span></li>\n"
    }
    let list: Markup =
      recorded.isEmpty
      ? "<p class=\"note\">Not recorded.</p>\n"
      : "<details\(recorded.count > 40 ? "" : " open" as Markup)><summary>\(recorded.count) commands</summary>\n<ol class=\"commands\">\n\(recorded.map { "<li>\(Markup.command($0))</li>\n" as Markup })</ol></details>\n"
    return """
      <p class="note">What the stages ran, from the top of the repository, in the order in which they follow from each other.</p>
      \(list)<details><summary>Logs</summary>
      <ul class="logs">
      \(logs)</ul></details>

      """
  }
}
