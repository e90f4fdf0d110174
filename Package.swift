// swift-tools-version: 6.2
import PackageDescription

// Kernels are plain loops over SIMD vectors: they need the machine's own vector width and no bounds checks.
// Everything else is built as usual, checks included.
let kernelSettings: [SwiftSetting] = [
  .unsafeFlags(["-Ounchecked", "-Xcc", "-march=native"], .when(configuration: .release))
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

/// A library; its place in the list below is its place in the order of imports.
func library(_ name: String, _ dependencies: [Target.Dependency], settings: [SwiftSetting] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: ["ToolSupport", argumentParser] + dependencies)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.target(name: name), "GoldenData", "TemporaryFolders"] + dependencies)
}

let package = Package(
  name: "nlft",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "nlft-tokenize", targets: ["nlft-tokenize"]),
    .executable(name: "nlft-sample", targets: ["nlft-sample"]),
    .executable(name: "nlft-grade", targets: ["nlft-grade"]),
    .executable(name: "nlft-judge", targets: ["nlft-judge"]),
    .executable(name: "nlft-saliency", targets: ["nlft-saliency"]),
    .executable(name: "nlft-step", targets: ["nlft-step"]),
    .executable(name: "nlft-export", targets: ["nlft-export"]),
    .executable(name: "nlft-show", targets: ["nlft-show"]),
  ],
  traits: [
    .trait(name: "MPI", description: "nlft-step on several processes, by Open MPI"),
    .trait(name: "EmulatedTiles", description: "Kernels for tile registers on any processor with AVX-512, for tests"),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .systemLibrary(
      name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),
    .target(
      name: "CKernels", cSettings: [.define("NLFT_EMULATED_TILES", .when(traits: ["EmulatedTiles"]))]),
    .target(name: "CCurl"),
    library("Records", ["CZlib", "CZstd"]),
    library("Kernels", ["CKernels"], settings: kernelSettings),
    library("Tensors", ["CZstd", "Records"]),
    library("Templates", []),
    library("Tokenizers", ["Records", "Templates"]),
    library("Checkpoints", ["Records", "Kernels", "Tensors", "Tokenizers"]),
    library("Prompting", ["Records", "Tokenizers", "Checkpoints"]),
    library("Transformer", ["Kernels", "Tensors", "Checkpoints"]),
    library("Sampling", ["Records", "Kernels", "Transformer"]),
    library("Judging", ["Kernels", "Tensors", "Transformer"]),
    library("Critics", ["CCurl", "Records", "Tokenizers", "Checkpoints", "Prompting", "Transformer", "Sampling"]),
    library("Saliency", ["Records", "Kernels", "Tensors"]),
    .target(name: "Pages", resources: [.embedInCode("house.css")]),
    .target(
      name: "Maps", dependencies: ["Records", "Tensors", "Tokenizers", "Saliency", "Pages"],
      resources: [
        "map.html", "map.css", "formulas.js", "records.js", "settings.js", "controls.js", "summary.js", "responses.js",
        "readout.js", "page.js",
      ].map { .embedInCode("Page/" + $0) }),
    library(
      "Inspection", ["Records", "Tensors", "Tokenizers", "Transformer", "Maps"]),
    library(
      "Training", ["Records", "Kernels", "Tensors", "Checkpoints", "Transformer", "Judging", "Saliency"]),
    library("MessagePassing", ["Training", .target(name: "CMPI", condition: .when(traits: ["MPI"]))]),
    library("Grading", ["Records"]),
    .target(
      name: "Reports", dependencies: ["Records", "Tensors", "Pages", "Grading"],
      resources: [.embedInCode("Page/report.css")]),
    library(
      "ToolSupport",
      [
        "Records", "Kernels", "Tensors", "Tokenizers", "Checkpoints", "Prompting", "Transformer", "Saliency",
        argumentParser,
      ]),
    tool("nlft-tokenize", ["Records", "Tokenizers", "Checkpoints", "Prompting"]),
    tool("nlft-sample", ["Records", "Kernels", "Tokenizers", "Checkpoints", "Prompting", "Transformer", "Sampling"]),
    tool("nlft-grade", ["Records", "Grading"]),
    tool(
      "nlft-judge",
      ["Records", "Kernels", "Tensors", "Checkpoints", "Prompting", "Transformer", "Judging", "Critics"]),
    tool("nlft-saliency", ["Records", "Tensors", "Tokenizers", "Checkpoints", "Saliency", "Maps"]),
    tool(
      "nlft-step",
      [
        "Records", "Kernels", "Tensors", "Checkpoints", "Transformer", "Judging", "Saliency", "Training",
        "MessagePassing",
      ]),
    tool("nlft-export", ["Records", "Kernels", "Tensors", "Checkpoints"]),
    tool(
      "nlft-show",
      [
        "Records", "Kernels", "Tensors", "Tokenizers", "Checkpoints", "Prompting", "Transformer", "Judging",
        "Inspection",
      ]),
    // No product: the recipes' own, which writes a run as a page.
    tool("nlft-report", ["Records", "Reports"]),
    .target(name: "GeneratedJSON", path: "Tests/GeneratedJSON"),
    .target(name: "GoldenData", path: "Tests/GoldenData"),
    .target(name: "TemporaryFolders", path: "Tests/TemporaryFolders"),
    .target(
      name: "TinyModels", dependencies: ["Records", "Kernels", "Tensors", "Checkpoints", "TemporaryFolders"],
      path: "Tests/TinyModels"),
    .target(
      name: "SaliencyCases", dependencies: ["GoldenData", "Records", "Tensors", "Saliency"],
      path: "Tests/SaliencyCases"),
    .target(name: "ScriptedServers", path: "Tests/ScriptedServers"),
    .target(name: "StoredStreams", path: "Tests/StoredStreams"),
    .executableTarget(name: "peak-memory", path: "Tests/PeakMemory"),
    tests("Records", ["GeneratedJSON", "StoredStreams"]),
    tests("Kernels", ["TinyModels"]),
    tests("Tensors", ["Records", "StoredStreams"]),
    .testTarget(name: "TemplatesTests", dependencies: ["Templates", "Records"], exclude: ["cases"]),
    tests("Tokenizers", ["Records", "Templates"]),
    tests("Checkpoints", ["Records", "Kernels", "Tensors", "Tokenizers", "TinyModels"]),
    tests("Transformer", ["Records", "Kernels", "Tensors", "Checkpoints", "TinyModels"]),
    tests("Sampling", ["Records", "Kernels", "Checkpoints", "Transformer", "TinyModels"]),
    tests("Judging", ["Records", "Kernels", "Tokenizers", "Checkpoints", "Prompting", "Transformer"]),
    tests("Critics", ["Records", "Tokenizers", "ScriptedServers"]),
    tests("Saliency", ["Records", "Tensors", "SaliencyCases"]),
    .testTarget(name: "PagesTests", dependencies: ["Pages"]),
    .testTarget(
      name: "MapsTests",
      dependencies: [
        "Maps", "Records", "Tensors", "Tokenizers", "Saliency", "GoldenData", "SaliencyCases", "TemporaryFolders",
        subprocess,
      ],
      exclude: ["compare.js"]),
    tests("Inspection", ["Records", "Tensors", "Tokenizers", "Transformer", "TinyModels"]),
    tests(
      "Training", ["Records", "Kernels", "Tensors", "Checkpoints", "Transformer", "Judging", "Saliency", "TinyModels"]),
    tests("MessagePassing", ["Training"]),
    tests("Grading", ["Records"]),
    .testTarget(name: "ToolSupportTests", dependencies: ["ToolSupport"]),
    tests("Reports", ["Records"]),
    .testTarget(
      name: "ToolTests",
      dependencies: [
        "Records", "Tensors", "GeneratedJSON", "GoldenData", "ScriptedServers", "StoredStreams", "TemporaryFolders",
        "TinyModels", "peak-memory", subprocess,
      ],
      exclude: ["cases"]),
  ],
  swiftLanguageModes: [.v6]
)

// Only for `make fuzz`: the fuzzer's library has its own `main`, and must be asked for on the command line.
if Context.environment["NLFT_FUZZING"] != nil {
  package.targets.append(
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "CZlib", "CZstd", "Records", "Kernels", "Tensors", "Templates", "Tokenizers", "Checkpoints", "GeneratedJSON",
        "TemporaryFolders", "TinyModels",
      ],
      path: "Tests/Fuzzing", exclude: ["fuzz.sh"], swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
}
