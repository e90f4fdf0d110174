import Testing

/// Files that lie, explode or were swapped: the real tools refuse each with its own words on one line, with the right
/// status, and without more memory than twice the file beside what they need anyway.
@Suite struct HostileFilesTests {
  @Test(arguments: HostileTensorFiles.safetensors + HostileTensorFiles.indices)
  func safetensors(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileTensorFiles.archives)
  func archives(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileModels.headers + HostileModels.alignments + HostileModels.pointers)
  func ggufHeaders(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileModels.types + HostileModels.shapes + HostileModels.vocabularies)
  func ggufContents(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileModels.tokenizers)
  func tokenizers(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileModels.configurations + HostileModels.adapters)
  func configurations(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileTexts.records)
  func records(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileTexts.streams)
  func compressedStreams(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileTexts.prompts)
  func prompts(file: HostileFile) async throws { try await file.check() }

  @Test(arguments: HostileTexts.templates)
  func templates(file: HostileFile) async throws { try await file.check() }
}
