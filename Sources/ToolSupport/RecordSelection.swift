/// Which records of its input a tool takes: it passes over the first `skip`, takes of those behind them the ones whose id
/// is in `only` (all if there are none), and stops when it has taken `limit`.
///
/// Lines that are no records count as records without an id. What is left out is neither checked nor counted as done.
public struct RecordSelection: Sendable {
  private let skip: Int
  private let only: [String]
  private let limit: Int?
  private let idsAreUnique: Bool
  private var wanted: Set<String>
  /// Records that were read, left out or not.
  public private(set) var read = 0
  /// Records that were taken.
  public private(set) var taken = 0

  /// A selection from the options' values.
  /// - Parameters:
  ///   - only: ids; an id that is a number is its digits.
  ///   - idsAreUnique: whether no id comes twice, so that nothing more is wanted when all have come.
  public init(skip: Int = 0, only: [String] = [], limit: Int? = nil, idsAreUnique: Bool = true) {
    self.skip = skip
    self.only = only
    self.limit = limit
    self.idsAreUnique = idsAreUnique
    wanted = Set(only)
  }

  /// Whether it may leave out anything at all.
  public var isPartial: Bool { skip > 0 || !only.isEmpty || limit != nil }

  /// Whether nothing that follows can be taken: reading can end.
  public var isComplete: Bool {
    taken == limit || idsAreUnique && !only.isEmpty && wanted.isEmpty
  }

  /// The most records that it can take, if it says so.
  public var mostTaken: Int? {
    let named = only.isEmpty || !idsAreUnique ? nil : Set(only).count
    return [limit, named].compactMap { $0 }.min()
  }

  /// Counts the next record of the input.
  /// - Parameter id: its id; a number as its digits.
  /// - Returns: whether it is taken.
  public mutating func takes(id: String?) -> Bool {
    read += 1
    guard read > skip, !isComplete else { return false }
    if !only.isEmpty {
      guard let id, wanted.contains(id) || !idsAreUnique && only.contains(id) else { return false }
      wanted.remove(id)
    }
    taken += 1
    return true
  }

  /// What there is to say at the end of what was left out; nil if that is nothing.
  public var note: String? {
    let leftOut = read - taken
    var words = leftOut > 0 ? ["left out \(leftOut) records"] : []
    if isComplete { words.append("read nothing behind record \(read)") }
    return words.isEmpty ? nil : words.joined(separator: ", ")
  }

  /// A warning for each id of `only` that the whole input does not have.
  public var warnings: [String] {
    guard !isComplete else { return [] }
    let place = skip > 0 ? "behind its first \(skip) records" : "in the input"
    var seen = Set<String>()
    return only.filter { wanted.contains($0) && seen.insert($0).inserted }.map {
      "--only \($0): no record \(place) has this id"
    }
  }
}
