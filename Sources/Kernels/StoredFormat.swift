import CKernels

extension WeightFormat {
  /// What the products with weights as they are stored call the format; nil if they do not know it.
  var stored: stored_format? {
    switch self {
    case .q4_0: stored_q4_0
    case .q4_1: stored_q4_1
    case .q5_0: stored_q5_0
    case .q5_1: stored_q5_1
    case .q8_0: stored_q8_0
    case .q4_k: stored_q4_k
    case .q5_k: stored_q5_k
    case .q6_k: stored_q6_k
    case .f32, .f16, .bf16, .q2_k, .q3_k: nil
    }
  }
}
