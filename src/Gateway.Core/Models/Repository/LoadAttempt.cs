using Gateway.Core.Diagnostics;
using Gateway.Core.Execution;
using Gateway.Core.Scheduling.Resources;

namespace Gateway.Core.Models.Repository;

/// <summary>One try at loading a model: the versions that its policy chooses, opened, then started; and what went wrong.</summary>
/// <remarks><b>Ownership</b>: disposing closes what was opened and not started; what was started is the caller's.</remarks>
internal sealed class LoadAttempt(string model, ModelLoader loader) : IDisposable
{
    private readonly List<OpenedModel> _opened = [];
    private OverriddenFolder? _given;

    /// <summary>What the folder looked like before anything was read; null when it could not be told, or a load brought files of its own.</summary>
    public FolderStamp? Stamp { get; private set; }

    /// <summary>Whether it is only to be seen what would come of a load.</summary>
    public bool IsCheck { get; init; }

    /// <summary>The versions that are there, chosen or not.</summary>
    public IReadOnlyList<long> Present { get; private set; } = [];

    public IReadOnlyList<OpenedModel> Opened => _opened;

    /// <summary>Whether another server has a say in it: what failed may go well the next time, though no file has changed.</summary>
    public bool DependsOnServer { get; private set; }

    public List<LoadFailure> Failures { get; } = [];

    /// <summary>The versions that run, ascending.</summary>
    public List<LoadedModel> Loaded { get; } = [];

    /// <summary>Looks at the folder from outside.</summary>
    public void Look(IReadOnlyList<string> folders) => Stamp = FolderStamp.TryOf(folders);

    /// <summary>Reads the configuration, and opens the files of the versions that it chooses.</summary>
    /// <param name="folders">The model's folders: one, or it is a failure.</param>
    /// <param name="given">See <see cref="LoadOverride"/>.</param>
    /// <param name="choosing">Is told the versions that will be opened.</param>
    public void Open(IReadOnlyList<string> folders, LoadOverride? given, Action<IReadOnlyList<ModelSource>>? choosing = null)
    {
        if (folders.Count > 1)
        {
            Failures.Add(LoadFailure.OfModel($"it is in more than one repository: {string.Join(", ", folders)}"));
            return;
        }

        string? folder = folders.Count == 1 ? folders[0] : null;
        ModelFolder read;
        IReadOnlyList<ModelSource> sources;
        try
        {
            _given = given?.Prepare(model, folder);
            read = _given?.Folder ?? ModelFolder.Read(folder ?? throw new ModelLoadException("it is in no repository"));
            DependsOnServer = read.Declared?.Remote is not null;
            Present = read.PresentVersions();
            sources = read.ChooseVersions();
        }
#pragma warning disable CA1031 // Whatever is wrong with a model, it must not stop the others: not only what the loader has words for.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Failures.Add(LoadFailure.OfModel(Shown(error)));
            return;
        }

        choosing?.Invoke(sources);
        bool mayStore = given is null && !IsCheck;
        foreach (ModelSource source in sources) Try(source.Version, () => _opened.Add(loader.Open(read, source with { MayStore = mayStore })));
        if (given is null && HasChanged(folder!))
        {
            // What was opened may be half of one and half of the other, and its digest that of neither.
            CloseOpened();
            Failures.Clear();
            Failures.Add(LoadFailure.OfModel("its files changed while they were read"));
        }
    }

    /// <summary>Looks whether what was opened could have the resources that it needs; what could not is closed.</summary>
    /// <param name="claims">See <see cref="ModelLoader.Claim"/>.</param>
    public void Claim(List<ResourceClaim?> claims)
    {
        foreach (OpenedModel opened in _opened.ToArray())
        {
            if (Try(opened.Source.Version, () => loader.Claim(opened.Layout, claims))) continue;
            _opened.Remove(opened);
            opened.File.Dispose();
        }
    }

    /// <summary>Starts what was opened.</summary>
    /// <param name="countersOf">Counters of the version that one takes the place of; null where there is none.</param>
    public void Start(Func<long, ModelStatistics?> countersOf)
    {
        while (_opened.Count > 0)
        {
            OpenedModel opened = _opened[0];
            _opened.RemoveAt(0);
            Try(opened.Source.Version, () => Loaded.Add(loader.Start(opened, countersOf(opened.Source.Version))));
        }
    }

    public void Dispose()
    {
        CloseOpened();
        _given?.Dispose();
    }

    private void CloseOpened()
    {
        foreach (OpenedModel opened in _opened) opened.File.Dispose();
        _opened.Clear();
    }

    private string Shown(Exception error) => _given?.Conceal(error.Message) ?? error.Message;

    private bool HasChanged(string folder) => Stamp is not null && FolderStamp.TryOf([folder]) is { } now && now != Stamp;

    private bool Try(long version, Action step)
    {
        try
        {
            step();
            return true;
        }
#pragma warning disable CA1031 // As above.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Failures.Add(new LoadFailure(version, Shown(error)));
            return false;
        }
    }
}
