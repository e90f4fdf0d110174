import Critics
import Prompting
import Records
import ToolSupport

/// Judges records with a server as critic: while some are scored, critiques for the next ones are on their way.
final class ServerJudging {
  /// A record that was read and is not scored yet.
  private struct Pending {
    var numbered: NumberedRecord
    var isReady: Bool
  }

  private let bench: JudgesBench
  private let client: ChatClient
  private let input: WaitingInput
  private let batch: Int
  /// Records that are read ahead.
  private let window: Int
  private let name: String
  private var pending: [Pending] = []
  private var written = 0

  init(bench: JudgesBench, endpoint: ChatEndpoint, limits: ChatLimits, input: WaitingInput, batch: Int) throws {
    self.bench = bench
    self.input = input
    self.batch = batch
    window = batch + limits.requests
    name = "\(endpoint.shown), model \(endpoint.model)"
    do { client = try ChatClient(endpoint: endpoint, limits: limits) } catch {
      throw ToolError(.transfer, "critic \(endpoint.shown): \(error)")
    }
  }

  /// Judges the whole stream.
  func run() throws {
    defer { client.close() }
    bench.stream.note("critic \(name)")
    do { try loop() } catch let error as CriticError { throw ToolError(.transfer, "critic \(name): \(error)") }
    if written > 0 { bench.stream.note("critiques: \(written) by \(name)") }
  }

  private func loop() throws {
    var isAtEnd = false
    while true {
      while let event = try client.next(waiting: false) { try take(event) }
      if !isAtEnd, pending.count < window, pending.isEmpty || input.isThere {
        let records = try bench.stream.nextBatch(atMost: window - pending.count)
        isAtEnd = records.isEmpty
        for numbered in records { try admit(numbered) }
        continue
      }
      let ready = pending.prefix(batch).prefix(while: \.isReady)
      if !ready.isEmpty {
        pending.removeFirst(ready.count)
        try bench.score(ready.map(\.numbered))
      } else if pending.isEmpty {
        if isAtEnd { return }
      } else if let event = try client.next(waiting: true) {
        try take(event)
      }
    }
  }

  /// Asks for a critique if the record wants one.
  private func admit(_ numbered: NumberedRecord) throws {
    try bench.checkArchive(numbered.record)
    do {
      let isReady = try !bench.wantsCritique(numbered.record)
      if !isReady {
        // No critique is paid for that cannot be used.
        try bench.validate(numbered.record)
        let fields = try RecordPrompter.fields(of: numbered.record)
        client.ask(try bench.prompter.prompts.messages(.critique, fields: fields), tag: numbered.slot)
      }
      pending.append(Pending(numbered: numbered, isReady: isReady))
    } catch { try bench.stream.fail(numbered, error) }
  }

  private func take(_ event: ChatEvent) throws {
    switch event {
    case .delayed(let reason): bench.stream.note("critic: \(reason); such requests are repeated")
    case .finished(let tag, let result):
      guard let place = pending.firstIndex(where: { $0.numbered.slot == tag }) else { return }
      switch result {
      case .success(let critique):
        pending[place].numbered.record.set("judgment", to: .string(critique))
        pending[place].isReady = true
        written += 1
      case .failure(let error): try bench.stream.fail(pending.remove(at: place).numbered, error)
      }
    }
  }
}
