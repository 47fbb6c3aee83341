using Gateway.Harness.Load;

namespace Gateway.Harness.Subjects;

/// <summary>What a program with the .NET client came to.</summary>
/// <param name="AllocatedBytes">Managed bytes that it allocated for each call.</param>
internal sealed record ClientFigure(LoadResult Load, double AllocatedBytes);
