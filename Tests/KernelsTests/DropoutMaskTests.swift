import Kernels
import Testing

@Suite struct DropoutMaskTests {
  private let pool = WorkerPool(threads: 2)

  private func mask(rate: Float, seed: UInt64, keys: [UInt64], columns: Int) -> [Float] {
    let ones = Matrix(rows: keys.count, columns: columns, [Float](repeating: 1, count: keys.count * columns))
    let result = Matrix(rows: keys.count, columns: columns)
    DropoutMask(rate: rate, seed: seed).apply(ones.view, keys: keys, into: result.view, pool: pool)
    DropoutMask(rate: rate, seed: seed).apply(ones.view, keys: keys, into: ones.view, pool: pool)
    #expect(ones.values == result.values, "in place")
    return result.values
  }

  private let keys = (0..<200).map { SplitMix64.mixed(UInt64($0)) }

  /// Shares within five standard errors; neighbouring columns, rows and seeds agree as often as chance has it.
  @Test(arguments: [Float(0.05), 0.5, 0.9]) func dropsItsShareIndependently(_ rate: Float) {
    let columns = 331
    let first = mask(rate: rate, seed: 1, keys: keys, columns: columns)
    let second = mask(rate: rate, seed: 2, keys: keys, columns: columns)
    let scale = 1 / (1 - rate)
    #expect(first.allSatisfy { $0 == 0 || $0 == scale })
    let p = Double(rate)
    let count = Double(first.count)
    func expectShare(_ share: Double, of expected: Double, _ comment: Comment) {
      #expect(abs(share - expected) < 5 * (expected * (1 - expected) / count).squareRoot(), comment)
    }
    expectShare(Double(first.count { $0 == 0 }) / count, of: p, "dropped")
    func agreement(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Double {
      Double(zip(a, b).count { ($0 == 0) == ($1 == 0) }) / Double(min(a.count, b.count))
    }
    let chance = p * p + (1 - p) * (1 - p)
    expectShare(agreement(first, second), of: chance, "seeds")
    expectShare(agreement(first, first.dropFirst()), of: chance, "columns")
    expectShare(agreement(first, first.dropFirst(columns)), of: chance, "rows")
  }

  @Test func dependsOnKeyAndColumnAlone() {
    let all = mask(rate: 0.3, seed: 3, keys: keys, columns: 50)
    let some = mask(rate: 0.3, seed: 3, keys: [keys[7], keys[7], keys[150]], columns: 50)
    #expect(Array(some[..<50]) == Array(all[350..<400]))
    #expect(Array(some[50..<100]) == Array(all[350..<400]))
    #expect(Array(some[100...]) == Array(all[7500..<7550]))
    let narrow = mask(rate: 0.3, seed: 3, keys: [keys[7]], columns: 21)
    #expect(narrow == Array(all[350..<371]), "a row's end is masked as its middle would be")
  }

  @Test func noRateDropsNothing() {
    #expect(mask(rate: 0, seed: 4, keys: keys, columns: 40).allSatisfy { $0 == 1 })
  }
}
