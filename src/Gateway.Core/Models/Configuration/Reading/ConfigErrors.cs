namespace Gateway.Core.Models.Configuration.Reading;

/// <summary>Collects what is wrong with one configuration, so that all of it is reported at once.</summary>
/// <param name="source">Where the settings stand; null when there is no text.</param>
/// <param name="name">What to call the source when there is no text.</param>
internal sealed class ConfigErrors(ConfigSource? source, string name)
{
    /// <summary>Errors beyond this many say nothing new, and a hostile configuration could have as many as it has characters.</summary>
    private const int MaxErrors = 100;

    private readonly List<ModelConfigError> _errors = [];

    public void Add(string path, string message)
    {
        if (_errors.Count < MaxErrors) _errors.Add(source?.ErrorAt(path, message) ?? new ModelConfigError(name, 0, 0, path, message));
    }

    /// <exception cref="ModelConfigException">Something was added.</exception>
    public void ThrowIfAny()
    {
        if (_errors.Count > 0) throw new ModelConfigException(_errors);
    }
}
