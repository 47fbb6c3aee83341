namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>A place in a configuration's text; both numbers count from 1, and 0 is no place.</summary>
internal readonly record struct ConfigPosition(int Line, int Column);
