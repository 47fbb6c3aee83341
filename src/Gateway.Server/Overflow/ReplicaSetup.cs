namespace Gateway.Server.Overflow;

/// <summary>A replica as it is configured.</summary>
/// <param name="Address">Where it is, such as <c>http://10.0.0.2:8000</c>.</param>
/// <param name="Weight">How often it is drawn beside others; 0 for never.</param>
/// <param name="IsNear">Whether it is in the zone of this gateway, or no zones are set.</param>
internal sealed record ReplicaSetup(string Address, int Weight = 1, bool IsNear = true);
