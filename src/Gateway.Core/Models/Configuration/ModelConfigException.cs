namespace Gateway.Core.Models.Configuration;

/// <summary>A configuration that cannot be used; carries every error that was found, the message has one a line.</summary>
#pragma warning disable CA1032 // An exception without its errors would be useless, so the usual constructors are left out.
public sealed class ModelConfigException : Exception
#pragma warning restore CA1032
{
    internal ModelConfigException(IReadOnlyList<ModelConfigError> errors) : base(string.Join('\n', errors)) => Errors = errors;

    /// <summary>At least one, in the order they were found.</summary>
    public IReadOnlyList<ModelConfigError> Errors { get; }
}
