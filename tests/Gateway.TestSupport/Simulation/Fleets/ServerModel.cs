namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>How fast a replica runs its model: lanes that take a batch each, of so many rows, for a time that grows with them.</summary>
/// <param name="Fixed">Microseconds of a batch.</param>
/// <param name="Each">Microseconds of each of its rows.</param>
public sealed record ServerModel(string Name, int Lanes, int MostRows, long Fixed, long Each)
{
    /// <summary>One device that takes batches: 6,612 rows a second.</summary>
    public static ServerModel Batching { get; } = new("batch", Lanes: 1, MostRows: 128, Fixed: 4000, Each: 120);

    /// <summary>Eight cores that take a request each: 800 a second.</summary>
    public static ServerModel Cores { get; } = new("cores", Lanes: 8, MostRows: 1, Fixed: 0, Each: 10_000);

    public double RowsPerSecond => 1e6 * Lanes * MostRows / Time(MostRows);

    /// <summary>Microseconds below which a request stays where it came.</summary>
    public long Floor => (long)Math.Max(1.25 * Time(MostRows), 2.5 * Time(1));

    public long Time(int rows) => Fixed + (Each * rows);
}
