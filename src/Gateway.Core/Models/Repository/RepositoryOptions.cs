namespace Gateway.Core.Models.Repository;

/// <summary>Where models are, and when they are loaded.</summary>
/// <param name="Directories">Full paths of the repositories.</param>
public sealed record RepositoryOptions(IReadOnlyList<string> Directories)
{
    /// <summary>Stands for every model in <see cref="StartupModels"/>.</summary>
    public const string EveryModel = "*";

    public ModelControlMode Mode { get; init; }

    /// <summary>With <see cref="ModelControlMode.Poll"/>: how often to look for changes.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// With <see cref="ModelControlMode.Poll"/>: a change is acted upon once the files have stayed as they are for so long, or for <see cref="PollInterval"/> if that is shorter:
    /// a copy that is under way changes sizes and times several times a second.
    /// </summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>With <see cref="ModelControlMode.Explicit"/>: what to load at start; <see cref="EveryModel"/> for all.</summary>
    public IReadOnlyList<string> StartupModels { get; init; } = [];

    /// <summary>Models that may be loaded at once on request or by polling, at least 1; Triton's default.</summary>
    public int MostLoadsAtOnce { get; init; } = 4;

    /// <summary>Replaced generations of one model that may still have requests, beyond which a load of it waits, 0 or more: each is in memory as a whole.</summary>
    public int MostDraining { get; init; } = 3;

    /// <summary>Likewise, bytes of their files, 0 or more; beyond it a load waits for every one of them, as for one that is larger by itself.</summary>
    public long MostDrainingBytes { get; init; } = 512L << 20;

    /// <summary>Whether a load may bring a configuration and files of its own; see <see cref="LoadOverride"/>.</summary>
    public bool AllowsOverride { get; init; }
}
