namespace Gateway.Core.Models;

/// <summary>One line of the repository's index.</summary>
/// <param name="Version">0 for a model of which no version is known.</param>
/// <param name="Reason">Why it is in this state; empty when there is nothing to say. A version that goes on after a reload has failed says why that was.</param>
/// <param name="Model">The served version, when it is ready.</param>
/// <param name="LoadDuration">How long loading took; zero until it has.</param>
public sealed record ModelStatus(string Name, long Version, ModelState State, string Reason, ServedModel? Model, TimeSpan LoadDuration)
{
    /// <summary>The reason of a version that is unavailable because it is to be.</summary>
    public const string Unloaded = "unloaded";

    /// <summary>As it is at this moment: a version all of whose instances have lost their device is not ready until one is back.</summary>
    internal ModelStatus Present => State == ModelState.Ready && Model is { IsReady: false } ? this with { State = ModelState.Unavailable, Reason = "all instances have lost their device" } : this;
}
