import Testing
import Training

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite struct LearningRateScheduleTests {
  private func rates(
    _ shape: LearningRateSchedule.Shape, warmup: Double, steps: Int, count: Int? = nil
  ) -> [Double] {
    let schedule = LearningRateSchedule(shape: shape, peak: 2, warmup: warmup, totalSteps: steps)
    return (0..<(count ?? steps)).map { schedule.rate(step: $0) }
  }

  private func expect(_ found: [Double], _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(found.count == expected.count, sourceLocation: sourceLocation)
    for (step, pair) in zip(found, expected).enumerated() {
      #expect(abs(pair.0 - pair.1) < 1e-12, "step \(step): \(pair.0)", sourceLocation: sourceLocation)
    }
  }

  /// Zero at step 0, the peak where the warm-up ends, half of it midway, zero at the end and after.
  @Test func shapes() {
    let root = 0.5.squareRoot()
    expect(
      rates(.cosine, warmup: 0.2, steps: 10, count: 13),
      [0, 1, 2] + (1...7).map { 1 + cos(Double.pi * Double($0) / 8) } + [0, 0, 0])
    expect(rates(.cosine, warmup: 0, steps: 4, count: 6), [2, 1 + root, 1, 1 - root, 0, 0])
    expect(rates(.linear, warmup: 0.25, steps: 8, count: 10), [0, 1, 2, 5 / 3, 4 / 3, 1, 2 / 3, 1 / 3, 0, 0])
    expect(rates(.constant, warmup: 0.5, steps: 4, count: 6), [0, 1, 2, 2, 2, 2])
  }

  /// ceil(warmup · total), also where the product in binary comes out beside the whole number it is.
  @Test(arguments: [
    (0.1, 30, 3), (0.1, 10, 1), (0.1, 11, 2), (0.1, 9, 1), (0.1, 1, 1), (0, 50, 0), (1, 7, 7), (0.07, 100, 7),
    (0.29, 100, 29), (0.3, 10, 3), (0.5, 3, 2),
  ])
  func warmupSteps(_ warmup: Double, _ total: Int, _ expected: Int) {
    #expect(LearningRateSchedule(shape: .cosine, peak: 1, warmup: warmup, totalSteps: total).warmupSteps == expected)
  }

  @Test(arguments: LearningRateSchedule.Shape.allCases) func schedulesOfAStepOrNoneHaveRates(
    _ shape: LearningRateSchedule.Shape
  ) {
    for (warmup, steps) in [(0.0, 1), (0.1, 1), (1, 1), (1, 3), (0, 0)] {
      #expect(rates(shape, warmup: warmup, steps: steps, count: 5).allSatisfy { $0 >= 0 && $0 <= 2 })
    }
    expect(rates(shape, warmup: 1, steps: 3), [0, 2.0 / 3, 4.0 / 3])
  }
}
