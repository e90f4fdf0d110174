import Kernels
import Testing
import TinyModels

@Suite struct ElementwiseTests {
  @Test(arguments: [1, 16, 37], [0, 1, 40]) func biasesAreAddedToEachRow(_ width: Int, _ rows: Int) {
    var generator = SplitMix64(seed: 6)
    let y = generator.matrix(rows, width)
    let before = y.values
    let bias = generator.normals(width)
    Elementwise.add(bias, toEachRowOf: y.view, pool: WorkerPool(threads: 2))
    #expect(y.values == before.indices.map { before[$0] + bias[$0 % width] })
  }

  @Test(arguments: [1, 16, 37]) func aFactorReachesTheWindowAlone(_ width: Int) {
    var generator = SplitMix64(seed: 7)
    let y = generator.matrix(5, width)
    let before = y.values
    Elementwise.scale(y.view.rows(1..<4), by: 1.5)
    #expect(y.values == before.indices.map { (width..<4 * width).contains($0) ? before[$0] * 1.5 : before[$0] })
  }
}
