namespace Gateway.Server.Hosting;

/// <summary>Where the server is in its life.</summary>
public enum ServerPhase
{
    /// <summary>It listens; models are being loaded.</summary>
    Loading,

    /// <summary>Every model has been loaded, or found to be broken.</summary>
    Serving,

    /// <summary>It accepts nothing more and finishes what it accepted.</summary>
    Exiting,
}
