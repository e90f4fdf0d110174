@main struct Saliency { static func main() {} }
