namespace Gateway.Harness.Subjects;

/// <summary>The bare model at one batch size.</summary>
/// <param name="Rows">Rows of a batch.</param>
/// <param name="RowsPerSecond">Rows a second.</param>
/// <param name="RunMicroseconds">Median time of a run.</param>
internal sealed record BatchFigure(int Rows, double RowsPerSecond, double RunMicroseconds);
