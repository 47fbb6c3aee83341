namespace Gateway.Core.Tenants;

/// <summary>What a tenant may have: its weight among others, and its own bounds. Immutable.</summary>
public sealed record TenantLimits
{
    /// <summary>Range of <see cref="Weight"/>.</summary>
    public const double LeastWeight = 0.001;
    public const double MostWeight = 1000;

    /// <summary>Its part of the rows, where there are not enough for all, in relation to the others'.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Most requests between being let in and being answered; null for any number.</summary>
    public int? MaxConcurrency { get; init; }

    /// <summary>Requests a second; null for any number.</summary>
    public double? RequestsPerSecond { get; init; }

    /// <summary>Requests that may come at once after a silence; null for as many as come in a second, at least 1.</summary>
    public double? RequestBurst { get; init; }

    /// <summary>Rows a second; null for any number.</summary>
    public double? RowsPerSecond { get; init; }

    /// <summary>Rows likewise.</summary>
    public double? RowBurst { get; init; }
}
