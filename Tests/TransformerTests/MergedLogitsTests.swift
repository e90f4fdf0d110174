import Checkpoints
import GoldenData
import TemporaryFolders
import Testing
import Transformer

/// A merged model computes what PyTorch computes with the adapter beside the model.
@Suite(.enabled(if: GoldenData.isThere, Comment(rawValue: GoldenData.comment)))
struct MergedLogitsTests {
  @Test(arguments: GoldenData.architectures)
  func logitsAreThoseOfTheAdaptedModel(_ architecture: String) throws {
    let golden = try GoldenModel(architecture)
    let folder = try TemporaryFolder()
    let source = GoldenData.folder + "/models/" + architecture
    try ModelExport(model: source, adapter: source + "/adapter")
      .write(to: folder.file("merged"), as: .f32, products: golden.products)
    let merged = TransformerModel(
      checkpoint: try ModelCheckpoint.open(folder.file("merged")), products: golden.products)
    let logits = merged.logits(PackedLayout([try golden.tokens])).values
    #expect(largestDifference(logits, try golden.floats("adapted_logits")) < 1e-4)
    #expect(largestDifference(logits, try golden.floats("logits")) > 1)
  }
}
