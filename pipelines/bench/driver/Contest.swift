/// Something that is run several times.
struct Contender {
  var name: String
  var run: () throws -> Figure
}

/// The median of a contender's runs.
struct Outcome {
  var name: String
  var figure: Figure
  /// Of every contender, by name.
  var details: [String: Double]
}

/// Runs contenders of both sides alternately, and finds the best of each side. The first round has everybody; from then
/// on only the leader of each side runs again, so that a slow way of doing it costs one run.
struct Contest {
  let rounds: Int
  /// Whether the smaller value wins.
  let lowerWins: Bool
  /// Hears of a peer that could not be run; the others go on.
  let failed: (_ name: String, _ error: any Error) -> Void

  func run(ours: [Contender], peers: [Contender]) throws -> (ours: Outcome, peer: Outcome?) {
    var runs: [String: [Figure]] = [:]
    func take(_ contender: Contender) throws { runs[contender.name, default: []].append(try contender.run()) }
    for index in 0..<max(ours.count, peers.count) {
      if index < ours.count { try take(ours[index]) }
      guard index < peers.count else { continue }
      do { try take(peers[index]) } catch {
        if Interruption.isAsked { throw error }
        failed(peers[index].name, error)
      }
    }
    let leaders = [leader(ours, runs), leader(peers.filter { runs[$0.name] != nil }, runs)].compactMap { $0 }
    for _ in 0..<rounds - 1 {
      for contender in leaders { try take(contender) }
    }
    let found = leaders.map { outcome($0, runs) }
    return (found[0], found.count > 1 ? found[1] : nil)
  }

  private func leader(_ side: [Contender], _ runs: [String: [Figure]]) -> Contender? {
    func value(_ contender: Contender) -> Double { median(runs[contender.name, default: []].map(\.value)) }
    return lowerWins ? side.min { value($0) < value($1) } : side.max { value($0) < value($1) }
  }

  private func outcome(_ contender: Contender, _ runs: [String: [Figure]]) -> Outcome {
    let own = runs[contender.name, default: []]
    return Outcome(
      name: contender.name, figure: Figure(value: median(own.map(\.value)), peak: own.compactMap(\.peak).max()),
      details: runs.mapValues { median($0.map(\.value)) })
  }
}
