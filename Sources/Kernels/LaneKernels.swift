import CKernels

/// The functions of lanes for the vectors that a processor has.
struct LaneKernels: Sendable {
  let functions: lanes_kernels
  /// Whether vectors have 256 bits.
  let areNarrow: Bool

  /// Nil where the processor lacks the instructions.
  /// - Parameter narrow: whether vectors of 256 bits are taken even where there are wider ones.
  init?(narrow: Bool = false) {
    let wide = narrow ? nil : lanes_wide()
    guard let kernels = wide ?? lanes_half() else { return nil }
    functions = kernels.pointee
    areNarrow = wide == nil
  }
}
