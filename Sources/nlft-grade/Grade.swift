@main struct Grade { static func main() {} }
