import Kernels
/// Hidden states as vectors, and what walks through them compute: sixteen elements at a time, in single precision.
struct StateVectors {
  private typealias Lanes = SIMD16<Float>

  private let states: UnsafeRawBufferPointer
  private let dimension: Int
  /// Elements that fill whole vectors; the rest is done one by one.
  private let whole: Int

  /// - Parameters:
  ///   - states: one state after another.
  ///   - dimension: width of a state.
  init(_ states: UnsafeBufferPointer<Float>, dimension: Int) {
    self.states = UnsafeRawBufferPointer(states)
    self.dimension = dimension
    whole = dimension / Lanes.scalarCount * Lanes.scalarCount
  }

  private func state(_ token: Int) -> UnsafeRawBufferPointer {
    let size = dimension * MemoryLayout<Float>.stride
    return UnsafeRawBufferPointer(rebasing: states[token * size..<(token + 1) * size])
  }

  func copy(_ token: Int, to centre: UnsafeMutableBufferPointer<Float>) {
    UnsafeMutableRawBufferPointer(centre).copyMemory(from: state(token))
  }

  /// The scalar product of two states.
  func product(_ left: Int, _ right: Int) -> Float { product(state(left), state(right)) }

  /// The scalar product of the centre and a state.
  func product(_ centre: UnsafeMutableBufferPointer<Float>, _ token: Int) -> Float {
    product(UnsafeRawBufferPointer(centre), state(token))
  }

  private func product(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Float {
    var sum = Lanes()
    for index in stride(from: 0, to: whole, by: Lanes.scalarCount) {
      sum += left.lanes(index) * right.lanes(index)
    }
    var rest: Float = 0
    for index in whole..<dimension { rest += left.element(index) * right.element(index) }
    return sum.sum() + rest
  }

  /// Moves the centre half the way to a state; returns its scalar product with the state `next` then.
  func move(_ centre: UnsafeMutableBufferPointer<Float>, halfwayTo token: Int, thenMultiplyBy next: Int) -> Float {
    let (state, next) = (state(token), state(next))
    let moving = UnsafeMutableRawBufferPointer(centre)
    let old = UnsafeRawBufferPointer(moving)
    var sum = Lanes()
    for index in stride(from: 0, to: whole, by: Lanes.scalarCount) {
      let moved = (old.lanes(index) + state.lanes(index)) * 0.5
      moving.storeBytes(of: moved, toByteOffset: index * MemoryLayout<Float>.stride, as: Lanes.self)
      sum += moved * next.lanes(index)
    }
    var rest: Float = 0
    for index in whole..<dimension {
      centre[index] = (centre[index] + state.element(index)) * 0.5
      rest += centre[index] * next.element(index)
    }
    return sum.sum() + rest
  }
}

extension UnsafeRawBufferPointer {
  @inline(__always)
  fileprivate func lanes(_ index: Int) -> SIMD16<Float> {
    loadUnaligned(fromByteOffset: index * MemoryLayout<Float>.stride, as: SIMD16<Float>.self)
  }

  @inline(__always)
  fileprivate func element(_ index: Int) -> Float {
    loadUnaligned(fromByteOffset: index * MemoryLayout<Float>.stride, as: Float.self)
  }
}

extension [Float] {
  /// Whether no element is infinite or not a number.
  var allFinite: Bool {
    withUnsafeBufferPointer { values in
      guard let first = values.baseAddress else { return true }
      return FiniteNumbers.fill(first, count: values.count)
    }
  }
}
