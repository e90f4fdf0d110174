#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Sixteen floats at a time: the few functions that the other kernels are made of.
enum VectorMath {
  typealias Vector = SIMD16<Float>

  @inline(__always)
  static func load(_ source: UnsafePointer<Float>) -> Vector {
    UnsafeRawPointer(source).loadUnaligned(as: Vector.self)
  }

  @inline(__always)
  static func load(_ source: UnsafeMutablePointer<Float>) -> Vector {
    UnsafeRawPointer(source).loadUnaligned(as: Vector.self)
  }

  @inline(__always)
  static func store(_ vector: Vector, _ target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).storeBytes(of: vector, as: Vector.self)
  }

  /// eˣ within 2 units in the last place for −87 ≤ x ≤ 88; below, a number under 1.7e-38; above, e⁸⁸.
  /// Range reduction x = n·ln 2 + r, then the polynomial of the Cephes library for eʳ.
  @inline(__always)
  static func exponential(_ x: Vector) -> Vector {
    var bounded = x
    // The standard library's clamp goes lane by lane; these are two vector instructions.
    bounded.replace(with: Vector(repeating: -87), where: x .< Vector(repeating: -87))
    bounded.replace(with: Vector(repeating: 88), where: x .> Vector(repeating: 88))
    // Adding 1.5·2²³ leaves the nearest integer in the low bits of the sum.
    let magic = Vector(repeating: 12_582_912)
    let shifted = bounded * 1.442_695_04 + magic
    let n = shifted - magic
    // Written without fused products: in a chain as long as this the compiler takes some of them lane by lane.
    let r = bounded - n * 0.693_359_375 + n * 2.121_944_4e-4
    var p = r * 1.987_569_15e-4 + 1.398_199_95e-3
    p = p * r + 8.333_451_9e-3
    p = p * r + 4.166_579_6e-2
    p = p * r + 1.666_666_55e-1
    p = p * r + 0.5
    let mantissa = p * r * r + r + 1
    let exponent = unsafeBitCast(shifted, to: SIMD16<Int32>.self) &<< 23
    return unsafeBitCast(unsafeBitCast(mantissa, to: SIMD16<Int32>.self) &+ exponent, to: Vector.self)
  }

  /// ln x of one number.
  @inline(__always)
  static func logarithm(_ x: Float) -> Float { logf(x) }

  /// 1 / (1 + e⁻ˣ).
  @inline(__always)
  static func logistic(_ x: Vector) -> Vector { 1 / (1 + exponential(-x)) }

  /// The sum of the lanes, halves added to halves; the standard library's sum goes lane by lane.
  @inline(__always)
  static func sum(_ vector: Vector) -> Float {
    let eight = vector.lowHalf + vector.highHalf
    let four = eight.lowHalf + eight.highHalf
    let two = four.lowHalf + four.highHalf
    return two.x + two.y
  }

  /// Σ a·b.
  @inline(__always)
  static func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
    var even = Vector.zero
    var odd = Vector.zero
    var index = 0
    // Two sums: an addition need not wait for the one before it.
    while index + 32 <= count {
      even.addProduct(load(a + index), load(b + index))
      odd.addProduct(load(a + index + 16), load(b + index + 16))
      index += 32
    }
    if index + 16 <= count {
      even.addProduct(load(a + index), load(b + index))
      index += 16
    }
    var total = sum(even + odd)
    while index < count {
      total += a[index] * b[index]
      index += 1
    }
    return total
  }

  /// y ← y + α·x.
  @inline(__always)
  static func add(_ x: UnsafePointer<Float>, times alpha: Float, to y: UnsafeMutablePointer<Float>, _ count: Int) {
    var index = 0
    while index + 16 <= count {
      store(load(y + index).addingProduct(load(x + index), Vector(repeating: alpha)), y + index)
      index += 16
    }
    while index < count {
      y[index] += alpha * x[index]
      index += 1
    }
  }

  /// Applies `body` to whole vectors; the tail goes through a padded vector, so that it is rounded the same way.
  @inline(__always)
  static func map(
    _ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, _ count: Int, _ body: (Vector) -> Vector
  ) {
    var index = 0
    while index + 16 <= count {
      store(body(load(x + index)), y + index)
      index += 16
    }
    guard index < count else { return }
    var tail = Vector.zero
    for lane in 0..<count - index { tail[lane] = x[index + lane] }
    tail = body(tail)
    for lane in 0..<count - index { y[index + lane] = tail[lane] }
  }
}
