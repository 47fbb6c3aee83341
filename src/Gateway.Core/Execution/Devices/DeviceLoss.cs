namespace Gateway.Core.Execution.Devices;

/// <summary>Whether what several pipelines run on, a session, is known to be lost: the first batch to find that out says so for all.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
public sealed class DeviceLoss
{
    private volatile bool _isKnown;

    /// <summary>Whether no batch is to be tried any more.</summary>
    public bool IsKnown => _isKnown;

    /// <summary>A run has found the device lost. To be said before anybody is told of the failed run, whose requests others may take at once.</summary>
    public void Note() => _isKnown = true;
}
