/// The cluster limits at which a saliency map can be looked at: every thousandth from 0 to 2, which is as far apart as
/// two directions can be, and one that the user gave.
public struct ClusterLimits: Sendable, Equatable {
  /// How many steps make 1.
  public static let stepsPerUnit = 1000
  /// The limits, ascending.
  public let values: [Double]

  /// Every thousandth from 0 to 2, and `given`.
  /// - Parameter given: a limit that need not be a thousandth, or lie below 2.
  public init(given: Double) {
    var values = (0...2 * Self.stepsPerUnit).map { Double($0) / Double(Self.stepsPerUnit) }
    let place = values.firstIndex { $0 >= given } ?? values.endIndex
    if place == values.endIndex || values[place] != given { values.insert(given, at: place) }
    self.values = values
  }

  /// The first limit above a distance; the number of limits if there is none.
  func first(above distance: Double) -> Int { firstPlace { $0 > distance } }

  /// The last limit below a distance; -1 if there is none.
  func last(below distance: Double) -> Int { firstPlace { $0 >= distance } - 1 }

  /// The first place from which on a condition holds that holds for all larger limits too.
  private func firstPlace(where holds: (Double) -> Bool) -> Int {
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if holds(values[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
