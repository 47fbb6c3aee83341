namespace Gateway.Server.Tenants;

/// <summary>Settings of one tenant.</summary>
public sealed class TenantOptions
{
    /// <summary>Its part of the rows where there are not enough for all, in relation to the others': 0.001 to 1000.</summary>
    public double Weight { get; set; } = 1;

    /// <summary>Most requests between being let in and being answered, 1 or more; null for any number.</summary>
    public int? MaxConcurrency { get; set; }

    /// <summary>Requests a second, above 0, at most a million; null for any number.</summary>
    public double? MaxRequestsPerSecond { get; set; }

    /// <summary>Requests that may come at once after a silence, 1 or more; null for as many as come in a second. Only with <see cref="MaxRequestsPerSecond"/>.</summary>
    public double? RequestBurst { get; set; }

    /// <summary>Rows a second, above 0, at most a thousand million; null for any number.</summary>
    public double? MaxRowsPerSecond { get; set; }

    /// <summary>Rows likewise; a request of more is let in and paid off afterwards. Only with <see cref="MaxRowsPerSecond"/>.</summary>
    public double? RowBurst { get; set; }

    /// <summary>What its clients show as a bearer token or in a hello: 16 to 512 bytes, or <c>sha256:</c> and the hash of a key in 64 hexadecimal digits, so that the key need not stand here.</summary>
    public IList<string> ApiKeys { get; } = [];
}
