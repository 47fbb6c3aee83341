namespace Gateway.Core.Features;

/// <summary>A file whose rows have been put into a view.</summary>
/// <param name="File">The file as it was, in a line.</param>
/// <param name="Order">The highest of the view's entries before it was loaded: what its rows have taken the place of is of that order or a lower one.</param>
/// <param name="IsDoubted">Whether some of its rows may be gone: what is missing of them is to be put again.</param>
public readonly record struct LoadedFile(string File, long Order, bool IsDoubted = false);
