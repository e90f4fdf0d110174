import Kernels
import Testing
import TinyModels
import Transformer

/// A model and a long text's states in one packed pass.
private struct CachedText {
  let transformer: TransformerModel
  let tokens: [Int32]
  let expected: Matrix

  init(_ test: TinyModelCase) throws {
    let model = try TinyModel(test.shape)
    transformer = try model.transformer(model.adapter())
    var generator = SplitMix64(seed: 80)
    tokens = generator.tokens(300, vocabulary: model.shape.vocabularySize)
    expected = transformer.states(PackedLayout([tokens]))
  }
}

/// Caches filled in any steps give the states of one packed pass.
@Suite struct KeyValueCacheTests {
  static let cases = [TinyModelCase.untied, .mistral, .qwen2, .qwen2Sliding, .qwen3, .gemma3]

  private func rows(_ matrix: Matrix, _ range: Range<Int>) -> [Double] {
    Array(matrix.doubles[range.lowerBound * matrix.columns..<range.upperBound * matrix.columns])
  }

  /// Steps of one token, of less and more than a product's rows, of more than a block, and an empty one.
  @Test(arguments: cases) func extensionInStepsEqualsOnePass(_ test: TinyModelCase) throws {
    let text = try CachedText(test)
    let (transformer, tokens, expected) = (text.transformer, text.tokens, text.expected)
    let cache = KeyValueCache(transformer.configuration)
    var start = 0
    for step in [1, 1, 1, 5, 0, 9, 16, 140] + [Int](repeating: 1, count: 127) {
      let states = transformer.extend([(cache, Array(tokens[start..<start + step]))])
      #expect(states.rows == step)
      #expect(largestDifference(states.doubles, rows(expected, start..<start + step)) < 1e-4, "at \(start)")
      start += step
      #expect(cache.count == start)
    }
    #expect(start == 300)
  }

  /// Children behind a parent, extended in turns and together, and a grandchild; each sees its own line only.
  @Test(arguments: cases) func childrenSeeTheirParentsAndNotEachOther(_ test: TinyModelCase) throws {
    let text = try CachedText(test)
    let (transformer, tokens, expected) = (text.transformer, text.tokens, text.expected)
    let other = Array(tokens[200..<240].reversed())
    let parent = KeyValueCache(transformer.configuration)
    _ = transformer.extend([(parent, Array(tokens[..<50]))])
    let first = KeyValueCache(transformer.configuration, parent: parent)
    let second = KeyValueCache(transformer.configuration, parent: parent)
    let expectedOther = transformer.states(PackedLayout([Array(tokens[..<50]) + other]))
    for step in 0..<20 {
      let states = transformer.extend([(first, [tokens[50 + step]]), (second, [other[step]])])
      #expect(largestDifference(rows(states, 0..<1), rows(expected, 50 + step..<51 + step)) < 1e-4)
      #expect(largestDifference(rows(states, 1..<2), rows(expectedOther, 50 + step..<51 + step)) < 1e-4)
    }
    let grandchild = KeyValueCache(transformer.configuration, parent: first)
    let alone = KeyValueCache(transformer.configuration)
    let states = transformer.extend([(alone, Array(tokens[..<3])), (grandchild, Array(tokens[70..<90]))])
    #expect(largestDifference(rows(states, 0..<3), rows(expected, 0..<3)) < 1e-4)
    #expect(largestDifference(rows(states, 3..<23), rows(expected, 70..<90)) < 1e-4)
  }

  @Test(arguments: cases) func prefilledPromptsGoOnAsIfAlone(_ test: TinyModelCase) throws {
    let text = try CachedText(test)
    let (transformer, tokens) = (text.transformer, text.tokens)
    let prompts = [
      Array(tokens[..<60]), Array(tokens[..<40]) + Array(tokens[200..<230]), Array(tokens[..<60]), Array(tokens[..<40]),
      [tokens[7]],
    ]
    let (states, ends) = transformer.prefill(prompts)
    #expect(ends.count == prompts.count)
    #expect(states.rows == 60 + 30 + 1, "what prompts share is run once")
    let next = transformer.extend(
      ends.map { (KeyValueCache(transformer.configuration, parent: $0.cache), [tokens[99]]) })
    for (index, prompt) in prompts.enumerated() {
      let whole = transformer.states(PackedLayout([prompt + [tokens[99]]]))
      let (last, row) = (prompt.count, ends[index].row)
      #expect(largestDifference(rows(states, row..<row + 1), rows(whole, last - 1..<last)) < 1e-4, "end of \(index)")
      #expect(largestDifference(rows(next, index..<index + 1), rows(whole, last..<last + 1)) < 1e-4, "after \(index)")
    }
  }
}
