namespace Gateway.Core.Execution;

/// <summary>One instance of a model: gathers a batch's rows and runs them.</summary>
/// <remarks>
/// <b>Behaviour</b>: <see cref="Execute"/> gathers the rows into memory of its own (or binds a lone request's where they lie), sets
/// <see cref="Batch.RunStart"/>, runs, sets <see cref="Batch.RunEnd"/>, and gives the outputs for <see cref="Batch.PaddedRows"/> rows.
/// Row <i>i</i> of every output belongs to row <i>i</i> of the batch.
/// <b>Threading</b>: <see cref="Execute"/> is called by one thread at a time; <see cref="Terminate"/> by any.
/// <b>Ownership</b>: the caller holds one reference to what is returned and must release it. The executor may hold back the next
/// <see cref="Execute"/> until enough outputs have been released.
/// <b>Cost</b>: no managed allocation when shapes are the model's own; copies each input row at most once.
/// </remarks>
public interface IModelExecutor : IDisposable
{
    /// <summary>Whether each <see cref="Execute"/> may be on another thread than the last.</summary>
    bool CanRunAnywhere => false;

    /// <summary>Whether the next <see cref="Execute"/> would not wait for outputs to be released.</summary>
    bool HasRoom => true;

    /// <summary>Where it runs.</summary>
    ExecutionPlacement Placement => ExecutionPlacement.Unknown;

    /// <exception cref="ExecutionException">The run failed; nothing is leased, and the executor can go on.</exception>
    BatchOutput Execute(Batch batch);

    /// <summary>Times one run of <paramref name="rows"/> rows of zeros.</summary>
    /// <param name="ticks">Timestamp ticks of the run alone.</param>
    /// <returns>False when the model's shapes are not fixed, so that there is no run of so many rows as such.</returns>
    /// <exception cref="ExecutionException">The run failed.</exception>
    bool TryMeasure(int rows, out long ticks)
    {
        ticks = 0;
        return false;
    }

    /// <summary>Runs <paramref name="rows"/> rows of zeros wherever batches of so many may run later, so that what a first run costs is paid before requests come; once for each size.</summary>
    /// <exception cref="ExecutionException">A run failed.</exception>
    void Prepare(int rows)
    {
    }

    /// <summary>After a run that lost its device: lets go of what it had there and makes it anew.</summary>
    /// <exception cref="ModelLoadException">The device is not back; the executor cannot run, and this may be called again.</exception>
    void Reload() => throw new ModelLoadException("this executor cannot be made anew");

    /// <summary>Cuts a run short: it fails with an <see cref="ExecutionException"/>. Later runs fail likewise.</summary>
    void Terminate();
}
