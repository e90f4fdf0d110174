import Foundation

/// A rate or a time, with the memory it took.
struct Figure: Codable {
  var value: Double
  /// Bytes.
  var peak: Double?
}

/// One line of the table.
struct Row: Codable {
  var job: String
  /// What is measured.
  var measure: String
  /// Of both values: `s` counts down, everything else up.
  var unit: String
  var ours: Figure
  var peer: Figure?
  var peerName: String?
  /// Operations a second that the work needs; the table shows its share of the peak.
  var flops: Double?
  var goal: String
  /// How often ours is as fast as the peer.
  var ratio: Double?
  /// Of the machine's measured SGEMM peak.
  var share: Double?
  /// Whatever else was measured, by name.
  var details: [String: Double]

  init(
    _ job: String, _ measure: String, unit: String, ours: Figure, peer: (name: String, figure: Figure)? = nil,
    flops: Double? = nil, goal: String, details: [String: Double] = [:]
  ) {
    self.job = job
    self.measure = measure
    self.unit = unit
    self.ours = ours
    self.peer = peer?.figure
    peerName = peer?.name
    self.flops = flops
    self.goal = goal
    self.details = details
    if let peer = peer?.figure.value, peer > 0, ours.value > 0 {
      ratio = unit == "s" ? peer / ours.value : ours.value / peer
    }
  }
}

/// All that a run of the bench found.
struct Results: Codable {
  struct Peak: Codable {
    var gflops: Double
    var size: Int
    var threads: Int
    var core: String
  }

  var commit: String
  var date: String
  var processor: String
  var threads: Int
  var openblasCore: String
  var model: String
  var loadAverageAtStart: Double
  /// Measured before and after the jobs.
  var peakGflops: [Double] = []
  var rows: [Row] = []
  /// Jobs that could not be finished, and why.
  var failures: [String: String] = [:]

  /// Takes shares of the higher of the two peaks.
  mutating func takeShares() {
    guard let peak = peakGflops.max(), peak > 0 else { return }
    for index in rows.indices { rows[index].share = rows[index].flops.map { $0 / (peak * 1e9) } }
  }

  func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .withoutEscapingSlashes, .sortedKeys]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path), options: .atomic)
  }
}
