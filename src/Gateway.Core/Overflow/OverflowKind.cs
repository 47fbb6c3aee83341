namespace Gateway.Core.Overflow;

/// <summary>Where a request is served.</summary>
public enum OverflowKind
{
    Local,
    Forward,
    Refuse,
}
