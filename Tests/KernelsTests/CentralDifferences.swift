import Kernels
import Testing
import TinyModels

/// Compares a gradient with central differences of a plain double-precision evaluation.
enum CentralDifferences {
  /// Each entry of the gradient by itself.
  static func expectEveryEntry(
    of gradient: [Double], at point: [Double], tolerance: Double = 1e-5, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation, _ function: ([Double]) -> Double
  ) {
    let largest = gradient.map(abs).max() ?? 0
    #expect(gradient.count == point.count && largest > 0, comment, sourceLocation: sourceLocation)
    for index in point.indices {
      var moved = point
      moved[index] += step
      let above = function(moved)
      moved[index] = point[index] - step
      let difference = (above - function(moved)) / (2 * step)
      #expect(
        abs(gradient[index] - difference) <= tolerance * largest, "\(comment?.rawValue ?? "") entry \(index)",
        sourceLocation: sourceLocation)
    }
  }

  /// The gradient's products with random directions.
  static func expectDirections(
    _ directions: Int, of gradient: [Double], at point: [Double], tolerance: Double = 1e-5, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation, _ function: ([Double]) -> Double
  ) {
    let length = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(gradient.count == point.count && length > 0, comment, sourceLocation: sourceLocation)
    var generator = SplitMix64(seed: 99)
    for _ in 0..<directions {
      let direction = generator.normals(point.count).map(Double.init)
      func value(_ factor: Double) -> Double { function(zip(point, direction).map { $0 + factor * $1 }) }
      let difference = (value(step) - value(-step)) / (2 * step)
      let product = zip(gradient, direction).reduce(0) { $0 + $1.0 * $1.1 }
      #expect(abs(product - difference) <= tolerance * length, comment, sourceLocation: sourceLocation)
    }
  }

  private static let step = 1e-5
}

/// Σ a·b.
func product(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// max |a − b|; infinite if the lengths differ or an entry is no number.
func largestDifference(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  return zip(a, b).reduce(0) { largest, pair in
    let difference = abs(pair.0 - pair.1)
    return difference.isNaN ? .infinity : max(largest, difference)
  }
}
