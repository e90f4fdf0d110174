import CKernels

/// The functions of lanes for the vectors that a processor has.
struct LaneKernels: Sendable {
  let functions: lanes_kernels

  /// Nil where the processor lacks the instructions.
  /// - Parameter narrow: whether vectors of 256 bits are taken even where there are wider ones.
  init?(narrow: Bool = false) {
    guard let kernels = (narrow ? nil : lanes_wide()) ?? lanes_half() else { return nil }
    functions = kernels.pointee
  }
}
