#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The learning rate as a function of the step.
public struct LearningRateSchedule: Sendable, Equatable {
  /// What follows the warm-up.
  public enum Shape: String, Sendable, CaseIterable {
    /// Half a cosine, from the peak to zero.
    case cosine
    /// A straight line, from the peak to zero.
    case linear
    /// The peak throughout.
    case constant
  }

  /// What follows the warm-up.
  public var shape: Shape
  /// The highest learning rate.
  public var peak: Double
  /// Steps from zero to the peak.
  public var warmupSteps: Int
  /// Steps of the whole schedule; afterwards the rate stays where it ended.
  public var totalSteps: Int

  /// A schedule whose warm-up takes ceil(warmup · total) steps.
  public init(shape: Shape, peak: Double, warmup: Double, totalSteps: Int) {
    self.shape = shape
    self.peak = peak
    self.totalSteps = totalSteps
    // A product like 0.1 · 30 comes out a hair above 3.
    warmupSteps = Int((warmup * Double(totalSteps) - 1e-9).rounded(.up))
  }

  /// The rate of a step, counted from 0: zero at step 0 if there is a warm-up, the peak at its end.
  public func rate(step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step) / Double(warmupSteps) }
    let left = max(1, totalSteps - warmupSteps)
    let progress = min(1, Double(step - warmupSteps) / Double(left))
    switch shape {
    case .cosine: return peak * 0.5 * (1 + cos(Double.pi * progress))
    case .linear: return peak * (1 - progress)
    case .constant: return peak
    }
  }
}
