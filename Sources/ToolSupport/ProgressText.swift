/// Words for how far a tool has come.
public enum ProgressText {
  /// Records of a stream: `120 done, 1 failed, 4.2/s, 3 min 10 s left`.
  /// - Parameters:
  ///   - done: records done, those of an earlier run included.
  ///   - failed: records that failed.
  ///   - earlier: how many of those that are done an earlier run has done.
  ///   - remaining: about how many are still to come; nil if nobody knows.
  ///   - seconds: what the others took.
  public static func records(done: Int, failed: Int, earlier: Int, remaining: Double?, seconds: Double) -> String {
    var words = ["\(done) done"]
    if failed > 0 { words.append("\(failed) failed") }
    return (words + speed(count: done + failed - earlier, remaining: remaining, seconds: seconds))
      .joined(separator: ", ")
  }

  /// Steps of a run: `step 12 of 100, loss 1.234, 2.0/s, 44 s left`.
  /// - Parameters:
  ///   - step: the last step, from 1.
  ///   - steps: the run's.
  ///   - loss: what the step found.
  ///   - taken: steps that were taken now.
  ///   - remaining: steps that are still to be taken now.
  ///   - seconds: what those taken took.
  public static func steps(
    _ step: Int, of steps: Int, loss: Double, taken: Int, remaining: Int, seconds: Double
  ) -> String {
    let words = ["step \(step) of \(steps)", "loss \(rounded(loss, 3))"]
    return (words + speed(count: taken, remaining: Double(remaining), seconds: seconds)).joined(separator: ", ")
  }

  private static func speed(count: Int, remaining: Double?, seconds: Double) -> [String] {
    guard count > 0 else { return [] }
    let rate = Double(count) / max(seconds, 1e-3)
    return [Self.rate(rate)] + (remaining.map { [timeLeft(seconds: $0 / rate)] } ?? [])
  }

  /// Slow ones by the minute, so that there are digits to see.
  private static func rate(_ perSecond: Double) -> String {
    switch perSecond {
    case ..<0.5: rounded(perSecond * 60, 1) + "/min"
    case ..<100: rounded(perSecond, 1) + "/s"
    default: rounded(perSecond, 0) + "/s"
    }
  }

  private static func timeLeft(seconds: Double) -> String {
    // More than anybody waits for, and less than an Int holds.
    let seconds = Int(min(max(seconds, 0), 1e9).rounded(.up))
    let (minutes, hours) = (seconds / 60, seconds / 3600)
    if hours > 0 { return "\(hours) h \(minutes % 60) min left" }
    if minutes > 0 { return "\(minutes) min \(seconds % 60) s left" }
    return "\(seconds) s left"
  }

  private static func rounded(_ value: Double, _ decimals: Int) -> String {
    var unit = 1.0
    for _ in 0..<decimals { unit *= 10 }
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    let digits = String(Int((abs(value) * unit).rounded()))
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    let sign = value < 0 ? "-" : ""
    return sign + padded.dropLast(decimals) + (decimals > 0 ? "." + padded.suffix(decimals) : "")
  }
}
