namespace Gateway.Core.Features;

public enum FeatureViewState
{
    /// <summary>What was kept on disk, or its sources, are being loaded: nothing is looked up yet.</summary>
    Loading,

    Ready,

    /// <summary>It cannot be used; <see cref="FeatureView.Problem"/> says why.</summary>
    Unavailable,
}
